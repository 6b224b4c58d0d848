"""The way back is rehearsed beside what serves: it says whether it works, touches nothing, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.decide.way_back import words
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.finding import Capacity
from stoneware.model.image import StateSchema
from stoneware.model.operation import Result, Signal, SignalKind
from stoneware.names import shadow_owner
from stoneware.operations.rehearsal import way_back_of

SHADOW = shadow_owner("town")
MIB = 2**20


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 2 runs; a rollback would lead to release 1. Disks have data."""
    made = World(tmp_path)
    made.publish("web", 1)
    made.run(made.deploy(spec(disks=True)).id)
    made.publish("web", 2)
    made.run(made.deploy(spec(disks=True)).id)
    made.engine.write("town-web-data-0", "fox")
    yield made
    made.close()


def serving(world: World) -> dict[str, object]:
    """All that serves and holds data, as it is."""
    return {
        "machines": world.engine.list_machines("town"),
        "disks": world.engine.list_disks("town"),
        "contents": {disk.name: world.engine.content(disk.name) for disk in world.engine.list_disks("town")},
        "route": world.switch.view("town.play"),
    }


def shadow(world: World) -> list[str]:
    engine = world.engine
    return [*(m.name for m in engine.list_machines(SHADOW)), *(d.name for d in engine.list_disks(SHADOW))]


def told(world: World) -> str:
    known = way_back_of(world.store, "town")
    return words(known, f"{world.clock.now() - (known.at or 0.0):.0f} s")


def test_a_way_back_that_works_is_proven_and_leaves_nothing(world: World) -> None:
    before, copies = serving(world), {}
    assert told(world) == "release 1, never rehearsed"

    def look(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "delete_machine"):
            copies.update({d.name: world.engine.content(d.name) for d in world.engine.list_disks(SHADOW)})

    world.watch = look
    operation = world.rehearse().id
    end = world.run(operation)
    assert end.result is Result.SUCCEEDED
    assert copies[f"{operation}-web-0-d0"] == (*world.engine.content("town-web-data-0"), f"{operation}-web-0"), (
        "it had the data"
    )
    assert (serving(world), shadow(world)) == (before, [])
    took = end.frame["took_s"]
    assert took > 2.0, "health is proven over a time"
    world.clock.sleep(60.0)
    assert told(world) == f"release 1, rehearsed {world.clock.now() - (end.ended_at or 0):.0f} s ago, {took:.0f} s"


def test_its_machines_are_of_the_old_image_cut_off_and_behind_no_proxy(world: World) -> None:
    operation = world.rehearse().id
    while not (there := world.engine.list_machines(SHADOW)):
        world.step()
    assert {machine.digest for machine in there} == {world.store.catalog.get("web/1").digest}
    assert all(name.startswith(f"{operation}-web-") for name in (machine.name for machine in there))
    assert all(
        machine.wanted.isolated for machine in world.engine._state.machines.values() if machine.wanted.owner == SHADOW
    )
    members = {member.machine for pool in world.switch.view("town.play").pools.values() for member in pool.members}  # type: ignore[union-attr]
    assert not members & {machine.name for machine in there}


def _gives_up(world: World) -> None:
    world.engine.gives_up.add(world.store.catalog.get("web/1").digest)


def _is_sick(world: World) -> None:
    world.engine.sick.add(world.store.catalog.get("web/1").digest)


def _is_revoked(world: World) -> None:
    world.store.catalog.revoke("web/1", "ann", "a hole in it")


FAILS: dict[str, tuple[Callable[[World], None], str]] = {
    "its machines don't come up": (_gives_up, "machine-not-up"),
    "its machines aren't healthy": (_is_sick, "machine-sick"),
}


@pytest.mark.parametrize("case", FAILS)
def test_a_way_back_that_does_not_work_says_why_and_leaves_nothing(world: World, case: str) -> None:
    prepare, code = FAILS[case]
    prepare(world)
    before = serving(world)
    end = world.run(world.rehearse().id)
    assert (end.result, end.code) == (Result.FAILED, code)
    assert (serving(world), shadow(world)) == (before, [])
    assert told(world) == f"release 1, rehearsal failed 0 s ago: {end.because}"


def test_data_that_the_old_image_cannot_read_closes_the_way_back(world: World) -> None:
    world.publish("old", 1, StateSchema(reads=(1,), writes=1))
    world.publish("new", 2, StateSchema(reads=(1, 2), writes=2))
    world.run(world.deploy(spec(disks=True, image="old")).id)
    world.run(world.deploy(spec(disks=True, image="new", on_failure="restore_snapshot")).id)
    end = world.run(world.rehearse().id)
    assert (end.result, end.code) == (Result.FAILED, "data-unreadable")
    assert "the way back is closed" in end.because
    assert shadow(world) == []


def test_an_image_that_is_revoked_meanwhile_closes_it_too(world: World) -> None:
    operation = world.rehearse().id
    _is_revoked(world)
    assert world.run(operation).code == "image-revoked"


@pytest.mark.parametrize("steps", range(1, 40, 3))
def test_an_abort_at_any_step_takes_the_shadow_away(world: World, steps: int) -> None:
    before, operation = serving(world), world.rehearse().id
    for _ in range(steps):
        world.step()
    if world.store.operations.get(operation).state != "CLEARING":
        world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    end = world.run(operation)
    assert end.result in (Result.FAILED, Result.SUCCEEDED)
    assert (serving(world), shadow(world)) == (before, [])
    if end.code == "aborted":
        assert told(world) == "release 1, never rehearsed", "an abort is no verdict"


def test_it_waits_for_its_turn_to_boot(world: World) -> None:
    world.engine.host = Capacity(cpus=1, memory_bytes=64 * 512 * MIB, boots=1)
    most = 0

    def look(when: str, verb: str, name: str) -> None:
        nonlocal most
        booting = [m for m in world.engine.everything(SHADOW) if m.phase == "BOOTING"]
        most = max(most, len(booting))

    world.watch = look
    assert world.run(world.rehearse().id).result is Result.SUCCEEDED
    assert most == 1


def test_without_memory_for_it_nothing_is_started_and_it_ends(world: World) -> None:
    operation = world.rehearse().id
    world.engine.host = Capacity(cpus=4, memory_bytes=2 * 512 * MIB, boots=4)
    end = world.run(operation)
    assert end.result is Result.FAILED
    assert "memory" in end.because
    assert shadow(world) == []


def test_a_rollout_goes_its_way_meanwhile(world: World) -> None:
    rehearsal = world.rehearse().id
    world.publish("web", 3)
    rollout = world.deploy(spec(disks=True)).id
    assert world.run(rollout).result is Result.SUCCEEDED
    assert world.run(rehearsal).result in (Result.SUCCEEDED, Result.FAILED)
    assert (world.violations, shadow(world)) == ([], [])
    assert told(world) == "release 2, never rehearsed", "what was rehearsed is another way"


def test_the_end_of_the_deployment_ends_it(world: World) -> None:
    rehearsal = world.rehearse().id
    for _ in range(6):
        world.step()
    assert world.run(world.destroy().id).result is Result.SUCCEEDED
    assert world.run(rehearsal).result is Result.FAILED
    assert shadow(world) == []


def test_one_at_a_time(world: World) -> None:
    world.rehearse()
    with pytest.raises(Conflict, match=r"is under way for town\.shadow"):
        world.rehearse()


def test_where_nothing_was_before_there_is_nothing_to_rehearse(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec()).id)
    with pytest.raises((NotFound, Refused), match="no earlier good release"):
        world.rehearse()
    assert told(world) == "none: there is no earlier good release"
    world.close()


def test_each_effect_has_its_entry(world: World) -> None:
    first = len(world.store.ledger.entries(limit=1000))
    world.run(world.rehearse().id)
    verbs = [entry.fact.verb for entry in world.store.ledger.entries(limit=1000)[first:]]
    assert [verbs.count(verb) for verb in ("disk.clone", "machine.create", "machine.delete", "disk.delete")] == [2] * 4
    assert verbs[-1] == "rehearsal.succeeded"
