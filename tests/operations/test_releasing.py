"""What people say twice, late, or about something else: `rollback` and `retry`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.finding import Capacity
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.model.snapshot import WantedSnapshot
from stoneware.operations.disks import SnapshotFrame
from stoneware.operations.reconcile import PAUSE_S, Reconcile
from stoneware.operations.watch import Watch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 2 runs, release 1 was good."""
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        world.run(world.deploy(spec()).id)
    yield world
    assert world.violations == []
    world.close()


def until(world: World, operation: str, state: str) -> OperationRecord:
    while (record := world.store.operations.get(operation)).state != state and record.result is None:
        world.step()
    return record


def current(world: World) -> int:
    found = world.store.releases.current("town")
    assert found is not None
    return found.number


def back(world: World, to: int | None = None) -> OperationRecord:
    return world.releasing.rollback("town", to, "ann")[1]


# Said twice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [None, 1])
def test_a_rollback_said_twice_is_one(world: World, to: int | None) -> None:
    first = back(world).id
    until(world, first, "VERIFYING")
    assert back(world, to).id == first
    assert world.run(first).result is Result.SUCCEEDED
    assert (current(world), world.fleet()) == (1, "town-web-r1")


def test_a_rollback_is_turned_round_by_abort_alone(world: World) -> None:
    first = back(world).id
    until(world, first, "VERIFYING")
    with pytest.raises(Conflict, match="goes back to release 1") as refusal:
        back(world, 2)
    assert "abort" in refusal.value.next_step
    world.store.operations.signal(first, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    until(world, first, "REVERTING")
    with pytest.raises(Conflict, match="on its way back to release 2"):
        back(world)
    assert world.run(first).result is Result.REVERTED
    assert (current(world), world.fleet()) == (2, "town-web-r2")


def test_what_runs_already_under_another_number_is_no_way_back(world: World) -> None:
    world.run(world.deploy(spec(image="web/1")).id)
    assert current(world) == 3
    for ask in (back, lambda world, to: world.releasing.plan_rollback("town", to)):
        with pytest.raises(Refused, match="release 1 is what runs already, as release 3"):
            ask(world, 1)
    assert back(world).frame["target"] == 2


def test_a_rollback_of_a_rolling_update_needs_room_for_both_fleets(world: World) -> None:
    """It would wait for memory until its deadline, and end where it began."""
    for image in ("web/1", "web/2"):
        world.run(world.deploy(spec(strategy="rolling", image=image)).id)
    machine = world.engine.list_machines("town")[0].memory_bytes
    world.engine.host = Capacity(memory_bytes=3 * machine)
    with pytest.raises(Refused, match="of memory at its peak"):
        back(world, 3)
    world.engine.host = Capacity(memory_bytes=4 * machine)
    assert world.run(back(world, 3).id).result is Result.SUCCEEDED


# What lies between ---------------------------------------------------------------------------------------------------


def keep(world: World) -> None:
    """Somebody takes a snapshot, to be safe."""
    frame = SnapshotFrame(engine="fake", disk="town-web-data-0", snapshot=WantedSnapshot(name="safe"))
    world.run(world.begin("snapshot", frame).id)


def repaired(world: World) -> Result | None:
    """How the daemon's own repair of what died ends."""
    world.engine.kill_machine("town-web-r2-0")
    [record] = Reconcile(world.store, world.platforms, world.clock, Watch(world.clock)).run()
    return world.run(record.id).result


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[World]:
    """Release 2 runs, on disks, and image 3 is sick."""
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        world.run(world.deploy(spec(disks=True)).id)
    world.engine.sick.add(world.publish("web", 3))
    yield world
    assert world.violations == []
    world.close()


def test_what_failed_is_tried_again_whatever_else_was_done(failing: World) -> None:
    assert failing.run(failing.deploy(spec(disks=True, progress_deadline="10s")).id).result is Result.REVERTED
    failing.engine.sick.clear()
    keep(failing)
    assert repaired(failing) is Result.SUCCEEDED
    assert failing.run(failing.releasing.retry("town", "ann").id).result is Result.SUCCEEDED
    assert current(failing) == 3


def test_from_a_stuck_rollout_the_way_leads_to_what_is_current_whatever_else_was_done(failing: World) -> None:
    operation = failing.deploy(spec(disks=True, progress_deadline="10s")).id
    until(failing, operation, "REVERTING")
    failing.engine.sick.add(failing.store.catalog.get("web/2").digest)
    assert failing.run(operation).result is Result.STUCK
    failing.engine.sick.clear()
    keep(failing)
    first = back(failing)
    assert first.frame["target"] == 2
    assert back(failing).id == first.id
    assert failing.run(first.id).result is Result.SUCCEEDED
    assert back(failing).frame["target"] == 1


def test_a_deployment_that_is_half_destroyed_is_not_repaired_after_a_snapshot(failing: World) -> None:
    ended = failing.destroy()
    failing.store.operations.signal(ended.id, Signal(kind=SignalKind.ABORT, actor="ann", at=failing.clock.now()))
    assert failing.run(ended.id).result is Result.STUCK
    keep(failing)
    failing.clock.sleep(PAUSE_S + 1)
    assert Reconcile(failing.store, failing.platforms, failing.clock, Watch(failing.clock)).run() == []


def test_what_was_destroyed_is_not_tried_again(failing: World) -> None:
    assert failing.run(failing.deploy(spec(disks=True, progress_deadline="10s")).id).result is Result.REVERTED
    failing.run(failing.destroy().id)
    with pytest.raises(NotFound, match="no rollout of town failed"):
        failing.releasing.retry("town", "ann")
