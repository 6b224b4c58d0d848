"""Plans, rollbacks, rollouts and bakes heed what an image counts as now; what runs goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.simulation import World, manifest
from tests.support.specs import spec

from stoneware.bake.attest import ATTESTATIONS, BOOT_TEST_FILE, PROVENANCE_FILE, Notary
from stoneware.bake.recipe import RecipeFiles
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.host.home import Home
from stoneware.model.deployment import ImageSpec
from stoneware.model.image import Artifact, Entrypoint, ImageState
from stoneware.model.lifecycle import Timer, Timers
from stoneware.model.machine import Phase, Power, Ran
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations import bake as baking
from stoneware.operations import boot_test
from stoneware.operations.bake import Bake, BakeFrame
from stoneware.operations.outcome import Finish, Go, Wait
from stoneware.operations.procedure import Context
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.releasing import Releasing
from stoneware.operations.watch import Watch

DAY = 86400.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 2 is current, and runs web/2; web/1 can be gone back to."""
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        world.run(world.deploy(spec()).id)
    yield world
    world.close()


def schedule(world: World, name: str, timer: Timer, after_s: float = 0) -> None:
    world.store.catalog.schedule(name, {timer: world.clock.now() + after_s}, "ann")


def test_a_timer_that_has_come_warns_and_then_refuses(world: World) -> None:
    schedule(world, "web/1", Timer.DEPRECATE, DAY)
    schedule(world, "web/1", Timer.OBSOLETE, 2 * DAY)

    def warnings() -> tuple[str, ...]:
        return world.releasing.plan("town", spec(image="web/1"), "ann")[1].warnings

    assert warnings() == ()
    world.clock.sleep(DAY)
    [warning] = warnings()
    assert warning.startswith("web/1 is DEPRECATED: its time to be deprecated came at 2023-11-15")
    world.clock.sleep(DAY)
    with pytest.raises(Refused, match="web/1 is OBSOLETE: its time to be obsolete came at"):
        warnings()


def test_a_plan_that_names_a_revoked_image_is_refused_with_the_reason(world: World) -> None:
    world.store.catalog.revoke("web/1", "eve", "CVE-1")
    with pytest.raises(Refused, match="web/1 is OBSOLETE: revoked: CVE-1"):
        world.deploy(spec(image="web/1"))
    world.store.catalog.revoke("web/2", "eve", "CVE-1")
    with pytest.raises(NotFound, match="revoked: CVE-1"):
        world.deploy(spec())


def test_a_release_that_pins_a_revoked_image_is_not_gone_back_to(world: World) -> None:
    world.store.catalog.set_state("web/1", ImageState.OBSOLETE, "ann")
    assert world.releasing.plan_rollback("town", None).release == 1, "what is merely OBSOLETE served before"
    world.store.catalog.revoke("web/1", "eve", "CVE-1")
    for way in (world.releasing.plan_rollback, lambda name, to: world.releasing.rollback(name, to, "ann")):
        for to in (None, 1):
            with pytest.raises(Refused, match="release 1 pins web/1, which is revoked: CVE-1"):
                way("town", to)
    assert world.store.operations.active("town") is None


def test_a_revocation_between_plan_and_rollback_stops_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_early(releasing: Releasing, target: Release) -> None:
        world.store.catalog.revoke("web/1", "eve", "CVE-1")

    monkeypatch.setattr(Releasing, "_must_not_be_revoked", too_early)
    with pytest.raises(Conflict, match="web/1 was revoked meanwhile: CVE-1"):
        world.releasing.rollback("town", None, "ann")
    assert world.store.operations.active("town") is None


def test_what_runs_goes_on_and_is_repaired(world: World) -> None:
    world.store.catalog.revoke("web/2", "eve", "CVE-1")
    world.engine.kill_machine("town-web-r2-0")
    [repair] = Reconcile(world.store, world.platforms, world.clock, Watch(world.clock)).run()
    assert world.run(repair.id).result is Result.SUCCEEDED
    assert world.machines()["town-web-r2-0"] == f"{Power.RUNNING}/{Phase.SERVING}"


def test_a_rollout_to_what_is_revoked_meanwhile_turns_back_before_it_starts_a_machine(world: World) -> None:
    world.publish("web", 3)
    operation = world.deploy(spec())
    world.store.catalog.revoke("web/3", "eve", "CVE-1")
    end = world.run(operation.id)
    assert (end.result, "web/3 is revoked: CVE-1" in end.because) == (Result.REVERTED, True)
    assert not [name for name in world.machines() if "-r3-" in name]
    assert world.fleet() == "town-web-r2"


@pytest.fixture
def bake(world: World) -> Bake:
    """A bake that tests on the fake engine."""
    return Bake(world.store, Home(world.folder), {"vm": world.platforms.get("fake")}, world.clock)


def stored(bake: Bake, version: int) -> Artifact:
    """An image's folder, as a bake leaves it."""
    sealed = manifest("web", version)
    folder = bake.home.images / sealed.digest.removeprefix("sha256:")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(sealed.canonical())
    return Artifact(folder=folder, manifest=sealed)


def context(world: World) -> Context:
    record = OperationRecord(
        id="bake-9", kind="bake", subject="family:web", actor="ann", reason="nightly", created_at=0, state="", frame={},
        state_since=0,
    )  # fmt: skip
    return Context(record, world.clock.now(), world.log.append, threading.Event(), set(), lambda *_: None)


def frame(**more: object) -> BakeFrame:
    declared = ImageSpec.model_validate({"keep": {"newest": 3}})
    timers = Timers.model_validate({"deprecate_in": "30d", "delete_in": "90d"})
    whole = BakeFrame(family="web", folder="/", spec=declared, timers=timers).model_copy(update=more)
    return BakeFrame.model_validate(whole.model_dump(mode="json"))  # as it comes out of the store


def test_a_bake_publishes_with_its_timers_and_leaves_its_familys_rule(
    world: World, bake: Bake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baking, "is_whole", lambda *_: True)  # there is a manifest alone
    staged = world.store.catalog.stage(manifest("web", 3), 1, "ann")
    stored(bake, 3)
    bake.publishing(context(world), frame(digest=staged.digest))
    image, now = world.store.catalog.get("web/3"), world.clock.now()
    assert (image.deprecate_at, image.obsolete_at, image.delete_at) == (now + 30 * DAY, None, now + 90 * DAY)
    rules = {family: rule.newest for family, rule in world.store.catalog.rules().items()}
    assert rules == {"web": 3}


@pytest.fixture
def again(world: World, bake: Bake, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """The bake makes web/2 again, of which everything is stated."""
    sealed = stored(bake, 2)
    bake.notary.state_provenance(sealed, "", "bake-2", 1.0, 2.0)
    record = world.store.catalog.boot_test(sealed.manifest.digest)
    assert record is not None
    bake.notary.state_boot_test(sealed, record, "bake-2")
    monkeypatch.setattr(baking, "workspace", lambda *_: nullcontext())
    (bake.home.build).mkdir(parents=True)
    monkeypatch.setattr(baking, "ensure_boot_pack", lambda *_: None)
    (bake.home.root / "Containerfile").write_text("FROM scratch\n")
    files = RecipeFiles(bake.home.root / "Containerfile", bake.home.root)
    monkeypatch.setattr(baking.recipe, "find_recipe", lambda *_, **__: files)
    monkeypatch.setattr(baking, "described", lambda *_, **__: None)
    monkeypatch.setattr(baking.build, "build", lambda *_, **__: SimpleNamespace(image="", base="", name=""))
    monkeypatch.setattr(baking.seal, "seal", lambda *_, **__: sealed)
    return sealed


def test_a_bake_that_changes_nothing_sets_the_timers_anew(world: World, bake: Bake, again: Artifact) -> None:
    schedule(world, "web/2", Timer.DEPRECATE)
    schedule(world, "web/2", Timer.OBSOLETE, DAY)
    outcome = bake.building(context(world), frame())
    assert isinstance(outcome, Finish)
    assert outcome.because == "nothing changed: this is web/2 (ACTIVE)"
    image, now = world.store.catalog.get("web/2"), world.clock.now()
    assert (image.deprecate_at, image.obsolete_at, image.delete_at) == (now + 30 * DAY, now + DAY, now + 90 * DAY)
    assert world.store.catalog.rules()["web"].newest == 3


@pytest.mark.parametrize("harm", ["lost", "changed"])
def test_what_is_stated_of_an_image_comes_back_with_a_bake(
    harm: str, world: World, bake: Bake, again: Artifact
) -> None:
    digest = again.manifest.digest
    for file in ATTESTATIONS:
        if harm == "lost":
            (again.folder / file).unlink()
        else:
            (again.folder / file).write_bytes((again.folder / file).read_bytes().replace(b"A", b"B"))
    outcome = bake.building(context(world), frame())
    assert outcome.because == ("mended its provenance and what is stated of its boot test: this is web/2 (ACTIVE)")
    bake.notary.read(again.folder, PROVENANCE_FILE, digest)
    bake.notary.require_passed(again.folder, digest)


def test_what_somebody_stated_who_is_not_trusted_stays(
    world: World, bake: Bake, again: Artifact, tmp_path: Path
) -> None:
    stranger = Home(tmp_path / "stranger")
    stranger.prepare()
    record = world.store.catalog.boot_test(again.manifest.digest)
    assert record is not None
    Notary(stranger).state_boot_test(again, record, "bake-1")
    said = (again.folder / BOOT_TEST_FILE).read_bytes()
    assert bake.building(context(world), frame()).because == "nothing changed: this is web/2 (ACTIVE)"
    assert (again.folder / BOOT_TEST_FILE).read_bytes() == said


def test_provenance_says_when_the_build_began_and_what_it_took(world: World, bake: Bake) -> None:
    """However long the bake had waited for its turn, and the build then took."""
    (bake.home.root / "app").write_text("1")
    (bake.home.root / "Containerfile").write_text("FROM scratch\nCOPY app /app\n")
    files = RecipeFiles(bake.home.root / "Containerfile", bake.home.root)
    world.clock.sleep(100)
    begun, artifact = context(world), stored(bake, 4)
    world.clock.sleep(33)
    bake._state_provenance(begun, artifact, files, "build-7")
    stated = bake.notary.read(artifact.folder, "provenance.dsse.json", artifact.manifest.digest).statement.predicate
    times = stated["runDetails"]["metadata"]
    began, ended = (datetime.fromisoformat(times[key]).timestamp() for key in ("startedOn", "finishedOn"))
    assert (began, ended - began) == (int(begun.now), 33)
    assert "build-7" in str(stated)
    assert "context" in [one["name"] for one in stated["buildDefinition"]["resolvedDependencies"]]


def under_test(world: World, bake: Bake, *tests: dict[str, object]) -> BakeFrame:
    """A bake that is about to test version 3, an image without systemd, with these tests."""
    sealed = manifest("web", 3)
    plain = sealed.model_copy(update={"init": "", "entrypoint": Entrypoint(argv=("/bin/x",))})
    folder = bake.home.images / plain.digest.removeprefix("sha256:")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(plain.canonical())
    staged = world.store.catalog.stage(plain, 1, "ann")
    return frame(digest=staged.digest, spec=ImageSpec.model_validate({"test": tests}))


def state(context: Context) -> Context:
    return replace(context, record=context.record.model_copy(update={"state": "TESTING"}))


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"units": {"failed": 0}}, "at most 0 failed units: this image has no systemd"),
        (
            {"log": {"unit": "nginx.service", "contains": "x"}},
            "log of nginx.service contains 'x': this image has no sys",
        ),
    ],
)
def test_what_only_systemd_knows_is_not_asked_of_an_image_without_it(
    test: dict[str, object], said: str, world: World, bake: Bake
) -> None:
    outcome = bake.testing(state(context(world)), under_test(world, bake, test))
    assert isinstance(outcome, Go)
    assert (outcome.state, outcome.because.startswith(said)) == ("DISCARDING", True), outcome.because
    assert not world.engine.list_machines(boot_test.OWNER), "nothing is started for it"


def test_a_machine_that_dies_ends_its_test_at_once_and_says_why(
    world: World, bake: Bake, monkeypatch: pytest.MonkeyPatch
) -> None:
    panic = "[ 1.0] Kernel panic - not syncing: no root\n[ 1.1] Kernel Offset: disabled\n"
    monkeypatch.setattr(world.engine, "read_console", lambda *_: panic)
    asked, begun = state(context(world)), under_test(world, bake, {"run": {"command": ["true"]}})
    assert isinstance(bake.testing(asked, begun), Wait)
    world.engine.kill_machine("bake-9")
    outcome = bake.testing(asked, begun)
    assert isinstance(outcome, Go)
    assert outcome.because == "the vm did not come up: Kernel panic - not syncing: no root"
    assert "Kernel Offset: disabled" in "\n".join(world.log), "its end is kept"


def test_a_command_that_fails_for_good_is_not_repeated_until_its_limit(
    world: World, bake: Bake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.engine, "run_inside", lambda *_: Ran(status=3, output="no such town"))
    now = under_test(world, bake, {"run": {"command": ["check"]}, "within": "10m"})
    start = world.clock.now()
    while isinstance(outcome := bake.testing(state(context(world)), now), Wait):
        now = outcome.frame
        world.clock.sleep(1.0)
    assert world.clock.now() - start < 60
    assert isinstance(outcome, Go)
    assert outcome.state == "DISCARDING"
    assert "run check -> 0: status 3, expected 0; it printed 'no such town'" in outcome.because
