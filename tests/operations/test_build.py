"""The states of a build, on steps that are in memory: statuses, the queue, and deaths at every effect."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.support.building import BuildWorld, spec, step
from tests.support.simulation import Killed

from stoneware.errors import BadInput, Conflict, NotFound, Unreachable
from stoneware.model.build import Artifacts, BuildStatus, Source
from stoneware.model.ledger import Fact

DIAMOND = spec(
    step("first"),
    step("left", waits_for=(0,)),
    step("right", waits_for=(0,)),
    step("last", waits_for=(1, 2)),
)


@pytest.fixture
def world(tmp_path: Path) -> BuildWorld:
    return BuildWorld(tmp_path)


def facts(world: BuildWorld) -> list[Fact]:
    return [entry.fact for entry in world.store.ledger.entries(limit=1000)]


def test_steps_go_in_the_order_of_their_graph(world: BuildWorld) -> None:
    world.runs.lasts = {"left": 5.0, "right": 1.0}
    build = world.begin(DIAMOND)
    world.run()
    view = world.building.show(build)
    assert view.status is BuildStatus.SUCCESS
    assert world.runs.starts == ["fetch", "first", "left", "right", "last"]
    at = {one.id: one for one in view.steps}
    assert at["left"].began_at < at["right"].ended_at  # type: ignore[operator]
    assert at["last"].began_at >= at["left"].ended_at  # type: ignore[operator]
    told = [fact for fact in facts(world) if fact.subject == build]
    assert [told[0].verb, told[-1].verb] == ["build.begin", "build.succeeded"]
    assert told[0].details["repository"] == "app" and told[0].details["commit"] == "c" * 40


@pytest.mark.parametrize(
    ("because", "status"),
    [
        ("fails", BuildStatus.FAILURE),
        ("vanishes", BuildStatus.INTERNAL_ERROR),
        ("is late", BuildStatus.TIMEOUT),
        ("takes all the time", BuildStatus.TIMEOUT),
        ("is cancelled", BuildStatus.CANCELLED),
        ("can't be fetched", BuildStatus.FAILURE),
        ("was cut short in its fetching", BuildStatus.INTERNAL_ERROR),
        ("makes no image", BuildStatus.FAILURE),
    ],
)
def test_how_a_build_ends(world: BuildWorld, because: str, status: BuildStatus) -> None:
    limits = {"timeout_s": 1.0} if because == "is late" else {}
    wanted = spec(step("one"), step("two", **limits), step("three"), timeout_s=60.0)
    if because == "fails":
        world.runs.codes["two"] = 9
    elif because == "vanishes":
        world.runs.vanish.add("two")
    elif because in ("is late", "takes all the time", "is cancelled"):
        world.runs.lasts["two"] = 1000.0
    elif because == "can't be fetched":
        world.runs.codes["fetch"] = 128
    elif because == "was cut short in its fetching":
        world.runs.vanish.add("fetch")
    else:
        wanted = wanted.model_copy(update={"images": ("app:1",)})
    build = world.begin(wanted)
    if because == "is cancelled":
        world.run(until=lambda: "two" in world.runs.starts)
        world.building.cancel(build, "bea")
    world.run()
    view = world.building.show(build)
    assert view.status is status and view.because and view.code
    assert view.ended_at is not None and build in world.runs.ended
    assert all(one.status.ended for one in view.steps)
    if because in ("fails", "vanishes", "is late", "takes all the time", "is cancelled"):
        assert [one.status for one in view.steps] == [BuildStatus.SUCCESS, status, BuildStatus.CANCELLED]
    with pytest.raises(Conflict):
        world.building.cancel(build, "bea")


def test_so_many_go_on_at_once_and_none_of_fifty_is_lost(world: BuildWorld) -> None:
    most = 0
    builds = [world.begin(spec(step("one"), step("two"))) for _ in range(50)]

    def count() -> bool:
        nonlocal most
        line = world.store.operations.line("build")
        most = max(most, sum(one.state not in ("QUEUED", "ENDING") for one in line))
        return False

    world.run(until=count)
    assert [world.building.show(build).status for build in builds] == [BuildStatus.SUCCESS] * 50
    assert most == 2
    began = [world.building.show(build).began_at for build in builds]
    assert all(one <= other for one, other in zip(began, began[2:], strict=False))  # type: ignore[operator]


def test_a_turn_that_never_comes(world: BuildWorld) -> None:
    world.runs.lasts["long"] = 50.0
    first = [world.begin(spec(step("long"))) for _ in range(2)]
    late = world.begin(spec(step("short"), queue_ttl_s=20.0))
    world.run()
    assert world.building.show(late).status is BuildStatus.EXPIRED
    assert "short" not in world.runs.starts
    assert {world.building.show(build).status for build in first} == {BuildStatus.SUCCESS}


@pytest.mark.parametrize(("may_wait", "status"), [("20s", BuildStatus.EXPIRED), ("7200s", BuildStatus.SUCCESS)])
def test_how_long_a_commits_build_may_wait_stands_in_its_file(
    may_wait: str, status: BuildStatus, world: BuildWorld
) -> None:
    world.runs.lasts["long"] = 300.0
    for _ in range(2):
        world.begin(spec(step("long")))
    late = world.begin(None)
    folder = world.home.builds / late / "source"
    folder.mkdir(parents=True)
    (folder / "cloudbuild.yaml").write_text(f"queueTtl: {may_wait}\nsteps: [{{ name: alpine, args: [x] }}]\n")
    world.run()
    assert world.building.show(late).status is status, world.building.show(late)


def test_of_one_lane_only_the_newest_is_built(world: BuildWorld) -> None:
    world.runs.lasts["long"] = 50.0
    busy = [world.begin(spec(step("long"))) for _ in range(2)]
    old, new = (world.begin(spec(step("short")), lane="app main") for _ in range(2))
    world.run()
    assert world.building.show(old).status is BuildStatus.CANCELLED
    assert new in world.building.show(old).because
    assert {world.building.show(build).status for build in (new, *busy)} == {BuildStatus.SUCCESS}


def test_a_retry_is_a_build_of_its_own(world: BuildWorld) -> None:
    world.runs.codes["one"] = 1
    build = world.begin(spec(step("one")))
    with pytest.raises(Conflict):
        world.building.retry(build, "bea")
    world.run()
    world.runs.codes.clear()
    again = world.building.retry(build, "bea").id
    world.run()
    view = world.building.show(again)
    assert (view.status, view.retries, view.source.commit) == (BuildStatus.SUCCESS, build, "c" * 40)
    assert [one.id for one in world.building.list()] == [again, build]
    with pytest.raises(NotFound):
        world.building.show("build-99")


def test_a_retry_ends_no_other_build(world: BuildWorld) -> None:
    world.runs.lasts["long"] = 50.0
    world.runs.codes["short"] = 1
    old = world.begin(spec(step("short")), lane="app main")
    world.run()
    busy = [world.begin(spec(step("long"))) for _ in range(2)]
    new = world.begin(spec(step("other")), lane="app main")
    again = world.building.retry(old, "bea").id
    world.runs.codes.clear()
    world.run()
    assert {world.building.show(build).status for build in (new, again, *busy)} == {BuildStatus.SUCCESS}


def test_the_same_key_is_the_same_build(world: BuildWorld) -> None:
    assert world.begin(spec(step("one")), key="k") == world.begin(spec(step("one")), key="k")
    assert len(world.building.list()) == 1


def test_podman_that_is_away_for_a_moment_is_asked_again(world: BuildWorld) -> None:
    tries = []

    def away(what: str) -> None:
        tries.append(what)
        if what.startswith("before") and len(tries) < 6:
            raise Unreachable("podman is away")

    world.runs.effect = away
    build = world.begin(spec(step("one")))
    world.run()
    assert world.building.show(build).status is BuildStatus.SUCCESS


@pytest.mark.parametrize("fails", [False, True])
def test_a_daemon_that_dies_at_every_effect_starts_nothing_twice(tmp_path: Path, fails: bool) -> None:
    died = 0
    for death in range(100):
        world = BuildWorld(tmp_path / str(death))
        world.runs.codes = {"right": 1} if fails else {}
        seen = 0

        def effect(what: str, death: int = death) -> None:
            nonlocal seen, died
            seen += 1
            if seen == death + 1:
                died += 1
                raise Killed

        world.runs.effect = effect
        build = world.begin(DIAMOND)
        try:
            world.run()
        except Killed:
            world.restart()
            world.run()
        view = world.building.show(build)
        assert view.status is (BuildStatus.FAILURE if fails else BuildStatus.SUCCESS), (death, view)
        assert len(world.runs.starts) == len(set(world.runs.starts)), death
        assert build in world.runs.ended
        if died <= death:
            break
    assert died >= 9


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", "its last words"),
        ("fatal: 'x' does not appear to be a git repository\n\nand the repository exists.\n", "'x' does not appear"),
    ],
)
def test_why_a_source_cant_be_fetched(world: BuildWorld, told: str, why: str) -> None:
    world.runs.codes["fetch"] = 128
    build = world.begin(spec(step("one")))
    log = world.runs.folder(build).log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(told)
    world.run()
    assert world.building.show(build).because.startswith(f"the source can't be fetched: {why}")


def test_a_folder_that_says_nothing_is_refused_at_once(world: BuildWorld, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="says nothing of a build"):
        world.building.begin(Source(folder=str(tmp_path / "empty")), actor="ann")
    assert world.building.list() == []


def collecting(world: BuildWorld) -> str:
    """A build that is about to keep a file."""
    build = world.begin(spec(step("one"), artifacts=Artifacts(paths=("dist/*",))))
    folder = world.runs.folder(build)
    folder.prepare()
    (folder.workspace / "dist").mkdir()
    (folder.workspace / "dist" / "app.bin").write_text("x")
    world.run(until=lambda: world.store.operations.get(build).state == "COLLECTING")
    return build


@pytest.mark.parametrize("noticed", ["in the middle", "at the end"])
def test_a_build_that_is_cancelled_while_it_keeps_what_it_made_is_cancelled(world: BuildWorld, noticed: str) -> None:
    build = collecting(world)
    record = world.store.operations.claim("sim/0", 30.0)
    world.building.cancel(build, "bea")
    cut = threading.Event()
    if noticed == "in the middle":
        cut.set()
    assert record is not None
    world.runner.run(record, cut)
    world.run()
    view = world.building.show(build)
    assert (view.status, view.kept) == (BuildStatus.CANCELLED, ())


def test_a_daemon_that_ends_while_a_build_keeps_what_it_made_leaves_it_to_the_next_one(world: BuildWorld) -> None:
    build = collecting(world)
    record = world.store.operations.claim("sim/0", 30.0)
    stopping = threading.Event()
    stopping.set()
    assert record is not None
    world.runner.run(record, stopping)
    assert world.store.operations.get(build).state == "COLLECTING"
    world.clock.sleep(3600.0)
    world.restart()
    world.run()
    view = world.building.show(build)
    assert (view.status, view.kept) == (BuildStatus.SUCCESS, ("dist/app.bin",))
    assert (Path(view.kept_in) / "dist" / "app.bin").read_text() == "x"


@pytest.mark.parametrize(
    ("lasts_s", "away_s", "status", "steps"),
    [
        (30.0, 630.0, BuildStatus.SUCCESS, ["SUCCESS", "SUCCESS"]),
        (30.0, 7000.0, BuildStatus.SUCCESS, ["SUCCESS", "SUCCESS"]),
        (599.0, 7000.0, BuildStatus.TIMEOUT, ["SUCCESS", "TIMEOUT"]),  # two seconds are left for one that takes ten
        (650.0, 7000.0, BuildStatus.TIMEOUT, ["SUCCESS", "CANCELLED"]),
        (9000.0, 7000.0, BuildStatus.TIMEOUT, ["TIMEOUT", "CANCELLED"]),
    ],
)
def test_time_in_which_the_daemon_was_away_counts_as_far_as_a_step_ran(
    world: BuildWorld, lasts_s: float, away_s: float, status: BuildStatus, steps: list[str]
) -> None:
    world.runs.lasts = {"one": lasts_s, "two": 10.0}
    build = world.begin(spec(step("one"), step("two"), timeout_s=600.0))
    world.run(until=lambda: "one" in world.runs.starts)
    world.clock.sleep(away_s)
    world.restart()
    world.run()
    view = world.building.show(build)
    assert (view.status, [one.status for one in view.steps]) == (status, steps)


@pytest.mark.parametrize(
    ("limits", "code", "status"),
    [
        ({"timeout_s": 600.0}, 0, BuildStatus.SUCCESS),
        ({"timeout_s": 10.0}, 0, BuildStatus.TIMEOUT),
        ({"timeout_s": 10.0}, 1, BuildStatus.TIMEOUT),
        ({}, 1, BuildStatus.FAILURE),
        ({"timeout_s": 10.0, "allow_failure": True}, 0, BuildStatus.SUCCESS),
    ],
)
def test_a_step_that_ended_while_the_daemon_was_away_is_judged_by_its_own_times(
    world: BuildWorld, limits: dict[str, float], code: int, status: BuildStatus
) -> None:
    world.runs.lasts["one"], world.runs.codes["one"] = 300.0, code
    build = world.begin(spec(step("one", **limits), timeout_s=600.0))
    world.run(until=lambda: "one" in world.runs.starts)
    world.clock.sleep(7000.0)
    world.restart()
    world.run()
    view = world.building.show(build)
    assert view.status is status
    assert round((view.steps[0].ended_at or 0) - (view.steps[0].began_at or 0)) == 300


def test_a_source_that_came_while_the_daemon_was_away_is_built(world: BuildWorld) -> None:
    world.runs.lasts["fetch"] = 30.0
    build = world.begin(spec(step("one")))
    world.run(until=lambda: "fetch" in world.runs.starts)
    world.clock.sleep(7000.0)
    world.restart()
    world.run()
    assert world.building.show(build).status is BuildStatus.SUCCESS


@pytest.mark.parametrize(
    ("last", "ran", "status", "because"),
    [
        (
            "Error: initializing source docker://web:1: no such host",
            False,
            BuildStatus.FAILURE,
            "its image isn't there",
        ),
        ("Error: OCI runtime error", False, BuildStatus.INTERNAL_ERROR, "podman could not run it"),
        ("Error: initializing source docker://web:1: no such host", True, BuildStatus.FAILURE, "with exit code 125"),
        ("its last words", True, BuildStatus.FAILURE, "with exit code 125"),
    ],
)
def test_what_podman_says_is_told_from_what_a_step_says(
    world: BuildWorld, last: str, ran: bool, status: BuildStatus, because: str
) -> None:
    world.runs.codes["one"], world.runs.last = 125, last
    world.runs.without = set() if ran else {"one"}
    build = world.begin(spec(step("one")))
    world.run()
    view = world.building.show(build)
    assert (view.status, because in view.because) == (status, True)
    assert ran or not view.because.endswith("125")


@pytest.mark.parametrize("ran", [True, False])
def test_a_step_may_be_allowed_to_end_as_podman_does(world: BuildWorld, ran: bool) -> None:
    world.runs.codes["one"], world.runs.last = 125, "Error: no such thing"
    world.runs.without = set() if ran else {"one"}
    build = world.begin(spec(step("one", allowed_codes=(125,))))
    world.run()
    assert world.building.show(build).status is (BuildStatus.SUCCESS if ran else BuildStatus.INTERNAL_ERROR)
