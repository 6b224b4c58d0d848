"""What people say twice, late, or about something else: `rollback` and `retry`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import Conflict
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind


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
