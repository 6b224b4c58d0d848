"""Stoneware's own steps of a build: operations under the build's name, on the commit as it was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.building import BuildWorld, spec, step
from tests.support.simulation import Killed

from stoneware.errors import Refused
from stoneware.model.build import BuildStatus, BuildStep
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.operations.bake import BakeFrame
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_hook import StatusHook
from stoneware.operations.build_prune import BuildPrune
from stoneware.operations.build_verbs import OwnSteps
from stoneware.operations.outcome import Finish, Outcome, Wait
from stoneware.operations.procedure import Context, Procedure

DECLARED = """
images:
  web: { containerfile: Containerfile, test: [{ http: { port: 80, path: / } }] }
  api: { containerfile: api/Containerfile, test: [{ http: { port: 80, path: / } }] }
"""


@dataclass(frozen=True)
class QuickBake(Procedure[BakeFrame]):
    """Ends as its family says; never, for a family of the name `slow`."""

    fails: tuple[str, ...] = ()
    hangs: tuple[str, ...] = ()

    kind = "bake"
    first = "BUILDING"
    NEXT = {"BUILDING": ()}
    frame_type = BakeFrame

    def building(self, ctx: Context, frame: BakeFrame) -> Outcome:
        if frame.family in self.hangs:
            return Wait(1.0, frame, "baking")
        bad = frame.family in self.fails
        return Finish(Result.FAILED if bad else Result.SUCCEEDED, frame, "too hot" if bad else "baked")

    def deadline(self, record: OperationRecord, frame: BakeFrame) -> float | None:
        return None

    def retreat(self, ctx: Context, frame: BakeFrame, reason: str) -> Outcome:
        return Finish(Result.FAILED, frame, reason)


@pytest.fixture
def world(tmp_path: Path) -> BuildWorld:
    world = BuildWorld(tmp_path / "home")
    for build in ("build-1", "build-2"):
        source = world.home.builds / build / "source"
        (source / "api").mkdir(parents=True)
        (source / "stoneware.yaml").write_text(DECLARED)
        (source / "Containerfile").write_text("FROM scratch\n")
        (source / "api" / "Containerfile").write_text("FROM scratch\n")
    return world


def bake(world: BuildWorld, *args: str, fails: tuple[str, ...] = (), hangs: tuple[str, ...] = ()) -> str:
    world.others = {"bake": QuickBake(fails=fails, hangs=hangs)}
    world.restart()
    return world.begin(spec(step("bake", image="", verb="bake", args=args), step("after")), allowed=("bake",))


def test_a_bake_is_an_operation_of_its_own_that_points_to_the_build(world: BuildWorld) -> None:
    build = bake(world)
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.SUCCESS, view
    assert [world.store.operations.get(child).subject for child in view.children] == ["family:web", "family:api"]
    child = world.store.operations.get(view.children[0])
    assert child.actor == f"build/{build}" and "app@cccccccccccc" in child.reason
    assert child.frame["build"] == build
    assert child.frame["network"] is False
    assert child.frame["folder"] == str(world.home.builds / build / "source")
    [begun] = world.store.ledger.entries(verb="bake.begin", subject="family:web")
    assert begun.fact.details["build"] == build
    assert world.told == [BuildStatus.WORKING, BuildStatus.SUCCESS]


def test_a_recipe_reaches_the_network_where_its_build_may(world: BuildWorld) -> None:
    world.others = {"bake": QuickBake()}
    world.restart()
    build = world.begin(spec(step("bake", image="", verb="bake", args=("web",))), allowed=("bake", "network"))
    world.run()
    assert world.store.operations.get(world.building.show(build).children[0]).frame["network"] is True


def test_a_bake_that_fails_fails_the_build(world: BuildWorld) -> None:
    build = bake(world, "web", fails=("web",))
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.FAILURE and "too hot" in view.because
    assert world.runs.starts == ["fetch"]


def test_a_build_that_is_cancelled_turns_its_bake_back(world: BuildWorld) -> None:
    build = bake(world, "web", hangs=("web",))
    world.run(until=lambda: bool(world.building.show(build).children))
    world.building.cancel(build, "bea")
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.CANCELLED
    assert world.store.operations.get(view.children[0]).result is Result.FAILED


def test_a_bake_waits_while_somebody_else_bakes_the_family(world: BuildWorld) -> None:
    world.others = {"bake": QuickBake(hangs=("web",))}
    world.restart()
    frame = BakeFrame(family="web", folder="/", spec={"containerfile": "x"})  # type: ignore[arg-type]
    other = world.store.operations.create(
        kind="bake", subject="family:web", actor="ann", reason="", state="BUILDING", frame=frame
    ).id
    build = world.begin(spec(step("bake", image="", verb="bake", args=("web",))), allowed=("bake",))
    world.run(until=lambda: world.clock.now() > world.building.show(build).created_at + 20)
    assert world.building.show(build).status is BuildStatus.WORKING and not world.building.show(build).children
    world.others = {"bake": QuickBake()}
    world.restart()
    world.run()
    assert world.building.show(build).status is BuildStatus.SUCCESS
    assert world.building.show(build).children != (other,)


def test_a_recipe_may_not_lead_out_of_its_commit(world: BuildWorld, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    source = world.home.builds / "build-1" / "source"
    (source / "out").symlink_to(tmp_path / "secrets")
    (source / "stoneware.yaml").write_text(
        "images:\n  web: { containerfile: Containerfile, context: out, test: [{ http: { port: 80, path: / } }] }\n"
    )
    build = bake(world, "web")
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.FAILURE and not view.children
    assert any("leads out of the folder" in line for line in world.runs.said)


def test_what_is_not_declared(world: BuildWorld) -> None:
    build = bake(world, "nobody")
    world.run()
    assert "declares no image nobody" in world.building.show(build).because


def test_old_builds_lose_their_logs_and_no_others(world: BuildWorld) -> None:
    builds = [world.begin(spec(step("one"))) for _ in range(5)]
    world.home.logs.mkdir(parents=True)
    for build in builds:
        (world.home.builds / build).mkdir(exist_ok=True)
        (world.home.logs / f"{build}.log").write_text("said\n")
    world.runs.lasts["one"] = 100.0
    world.run(until=lambda: len(world.store.operations.line("build")) <= 3)
    assert BuildPrune(world.store, world.home, kept=1).run() == ["build-1"]
    assert not (world.home.builds / "build-1").exists() and not (world.home.logs / "build-1.log").exists()
    assert (world.home.logs / "build-2.log").exists() and (world.home.logs / "build-5.log").exists()


def test_the_status_hook_hears_of_a_build(world: BuildWorld, tmp_path: Path) -> None:
    build = world.begin(spec(step("one")))
    heard, said = tmp_path / "heard", list[str]()
    StatusHook(("tee", str(heard)), tmp_path / "log").tell(world.building.show(build), said.append)
    for _ in range(500):
        if heard.exists() and heard.read_text().endswith("\n"):
            break
        import time

        time.sleep(0.01)
    assert '"id":"build-1"' in heard.read_text() and not said
    StatusHook(("no-such-program-here",), tmp_path / "log").tell(world.building.show(build), said.append)
    assert "status hook can't be started" in said[0]


def test_signals_that_mean_nothing_to_a_build() -> None:
    from stoneware.operations.build import Build

    working = SimpleNamespace(state="WORKING")
    assert Build.objection(None, SignalKind.PAUSE, working)  # type: ignore[arg-type]
    assert Build.objection(None, SignalKind.ABORT, working) is None  # type: ignore[arg-type]


def test_a_step_works_where_its_directory_is(world: BuildWorld) -> None:
    inner = world.home.builds / "build-1" / "source" / "api"
    (inner / "stoneware.yaml").write_text("images: { inner: { containerfile: Containerfile } }\n")
    world.others = {"bake": QuickBake()}
    world.restart()
    one = step("bake", image="", verb="bake", directory="/workspace/api")
    build = world.begin(spec(one), allowed=("bake",))
    world.run()
    [child] = [world.store.operations.get(identity) for identity in world.building.show(build).children]
    assert (child.subject, child.frame["folder"]) == ("family:inner", str(inner))


@pytest.mark.parametrize(
    ("directory", "said"), [("/etc", "no folder of the commit"), ("/workspace/www", "www/stoneware.yaml")]
)
def test_a_step_works_nowhere_else(directory: str, said: str, world: BuildWorld) -> None:
    build = world.begin(spec(step("bake", image="", verb="bake", directory=directory)), allowed=("bake",))
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.FAILURE and said in view.because, view


@pytest.mark.parametrize(("args", "said"), [((), "has baked nothing"), (("web",), "web"), (("web/7",), "web/7")])
def test_what_a_build_counts_on_has_to_be_published(args: tuple[str, ...], said: str, world: BuildWorld) -> None:
    build = world.begin(spec(step("publish", image="", verb="publish", args=args)), allowed=("bake",))
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.FAILURE and said in view.because, view


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("bake", (), "this build may not bake into api, only web"),
        ("bake", ("api",), "this build may not bake into api, only web"),
        ("deploy", ("town",), "this build may not deploy town, only village"),
        ("deploy", ("town-staging",), "this build may not deploy town, only village"),
        ("promote", ("staging", "production", "town"), "this build may not promote town, only village"),
        ("promote", ("staging", "production"), "this build may not promote town, only village"),
    ],
)
def test_a_commit_touches_nothing_but_what_its_trigger_names(
    verb: str, args: tuple[str, ...], said: str, world: BuildWorld
) -> None:
    world.others = {"bake": QuickBake()}
    world.restart()
    for build in ("build-1", "build-2"):
        file = world.home.builds / build / "source" / "stoneware.yaml"
        environments = ENVIRONMENTS if "staging" in " ".join(args) else ""
        file.write_text(DECLARED + DEPLOYED + environments)
    do = spec(step("own", image="", verb=verb, args=args))
    limits = {"families": ("web",), "deployments": ("village",)}
    build = world.begin(do, allowed=("bake", "deploy", "promote"), **limits)
    world.run()
    assert world.building.show(build).status is BuildStatus.FAILURE
    assert said in world.building.show(build).because
    assert [one.kind for one in world.store.operations.list()] == ["build"]
    again = world.building.retry(build, "bea").id
    world.run()
    assert said in world.building.show(again).because, "a retry may do no more"


def test_what_its_trigger_names_is_baked(world: BuildWorld) -> None:
    world.others = {"bake": QuickBake()}
    world.restart()
    build = world.begin(
        spec(step("bake", image="", verb="bake", args=("web",))), allowed=("bake",), families=("web", "other")
    )
    world.run()
    assert world.building.show(build).status is BuildStatus.SUCCESS


def own(identity: str, verb: str, *args: str, **more: Any) -> BuildStep:
    return step(identity, image="", verb=verb, args=args, **{"waits_for": (), **more})


def baking(world: BuildWorld, *steps: BuildStep, hangs: tuple[str, ...] = (), **more: Any) -> str:
    """A build of these steps, where bakes of the families in `hangs` never end by themselves."""
    world.others = {"bake": QuickBake(hangs=hangs)}
    world.restart()
    return world.begin(spec(*steps, **more), allowed=("bake", "deploy"))


def test_what_began_in_the_turn_in_which_another_step_could_not_is_known_and_turned_back(world: BuildWorld) -> None:
    steps = (own("bake", "bake", "web"), step("runs", waits_for=()), own("pub", "publish", "nosuch/3"))
    world.runs.lasts["runs"] = 1000.0
    build = baking(world, *steps, hangs=("web",))
    world.run()
    view = world.building.show(build)
    assert (view.status, view.code) == (BuildStatus.FAILURE, "image-not-found"), view
    assert [one.status for one in view.steps] == [BuildStatus.CANCELLED, BuildStatus.CANCELLED, BuildStatus.FAILURE]
    assert [one.because for one in view.steps[:2]] == ["cut short", "cut short"]
    assert "nosuch/3" in view.steps[2].because and "nosuch/3" in view.because
    assert any(line.startswith(f'{build}: Step #2 - "pub": ') and "nosuch/3" in line for line in world.runs.said)
    [bake] = [world.store.operations.get(child) for child in view.children]
    ends = [entry.fact for entry in world.store.ledger.entries(limit=1000)]
    order = [fact.subject for fact in ends if fact.verb in ("bake.failed", "build.failed")]
    assert (bake.result, order) == (Result.FAILED, ["family:web", build]), "it may have its source until it is over"


def test_a_step_that_begins_after_the_one_that_failed_never_does(world: BuildWorld) -> None:
    build = baking(world, own("pub", "publish", "nosuch/3"), step("runs", waits_for=()))
    world.run()
    assert world.runs.starts == ["fetch"]
    assert [one.because for one in world.building.show(build).steps][1:] == ["never began"]


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("bake", ("nobody",), "declares no image nobody"),
        ("publish", ("nosuch/3",), "nosuch/3"),
        ("publish", (), "has baked nothing"),
        ("deploy", ("nowhere",), "declares no deployment nowhere"),
        ("check", (), "stoneware.yaml:1"),
    ],
)
def test_a_step_of_our_own_may_be_allowed_to_fail(
    verb: str, args: tuple[str, ...], said: str, world: BuildWorld
) -> None:
    if verb == "check":
        (world.home.builds / "build-1" / "source" / "stoneware.yaml").write_text("imagines: {}\n")
    steps = (step("before"), own("own", verb, *args, waits_for=(0,), allow_failure=True), step("after"))
    build = baking(world, *steps)
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.SUCCESS, view
    assert [one.status for one in view.steps] == [BuildStatus.SUCCESS, BuildStatus.FAILURE, BuildStatus.SUCCESS]
    assert said in view.steps[1].because
    assert any(said in line for line in world.runs.said)


def test_a_bake_that_begins_only_in_part_is_turned_back(world: BuildWorld) -> None:
    """The second family is refused when the first one is begun already."""
    inner = OwnSteps._bake_one

    def bake_one(self: OwnSteps, ctx: Context, frame: BuildFrame, number: int, *rest: Any) -> str:
        if rest[-1] == "api":
            raise Refused("not this one", "choose another")
        return inner(self, ctx, frame, number, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnSteps, "_bake_one", bake_one)
        build = baking(world, own("bake", "bake", allow_failure=True), step("after"), hangs=("web",))
        world.run()
    view = world.building.show(build)
    assert (view.status, len(view.children)) == (BuildStatus.SUCCESS, 1)
    assert world.store.operations.get(view.children[0]).result is Result.FAILED


def test_a_bake_of_which_one_family_is_busy_is_turned_back_when_it_is_cancelled(world: BuildWorld) -> None:
    frame = BakeFrame(family="api", folder="/", spec={"containerfile": "x"})  # type: ignore[arg-type]
    world.store.operations.create(
        kind="bake", subject="family:api", actor="ann", reason="", state="BUILDING", frame=frame
    )
    build = baking(world, own("bake", "bake"), hangs=("web", "api"))
    world.run(until=lambda: bool(world.building.show(build).children))
    [begun] = world.building.show(build).children
    world.building.cancel(build, "bea")
    world.run(until=lambda: world.building.show(build).ended_at is not None)
    assert world.store.operations.get(begun).result is Result.FAILED
    other = world.store.operations.active("family:api")
    assert other is not None and other.actor == "ann", "what others do goes on"


@pytest.mark.parametrize("death", [1, 2])
def test_what_a_daemon_began_before_it_died_is_turned_back_with_the_build(death: int, world: BuildWorld) -> None:
    """It was killed before it could note what it had begun, and the build is cancelled before the next one looks."""
    seen = 0

    def effect(what: str) -> None:
        nonlocal seen
        seen += what.startswith("after") and not what.endswith("fetch")
        if seen == death:
            raise Killed

    world.runs.effect = effect
    world.runs.lasts = {"one": 1000.0, "two": 1000.0}
    steps = (own("bake", "bake", "web"), step("one", waits_for=()), step("two", waits_for=()))
    build = baking(world, *steps, hangs=("web",))
    with pytest.raises(Killed):
        world.run()
    world.runs.effect = lambda what: None
    world.building.cancel(build, "bea")
    world.restart()
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.CANCELLED
    begun = ["cut short"] * death + ["never began"] * (2 - death)
    assert [one.because for one in view.steps][1:] == begun
    [bake] = world.store.operations.list(kind="bake")
    assert bake.result is Result.FAILED


DEPLOYED = """
deployments:
  town:
    engine: fake
    groups: { web: { image: web, health: { http: { port: 80, path: / } } } }
"""
ENVIRONMENTS = """
environments:
  staging: { town: {} }
  production: { town: {} }
promotions:
  production: { after: staging }
"""
