"""A rolling update goes back with the room that it came with: by turns where all old machines don't fit beside the new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.finding import Capacity
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind

SIZE = 3
MACHINE_BYTES = 256 * 2**20


def declared(**rollout: object) -> DeploymentSpec:
    known = spec(SIZE, strategy="rolling", **rollout).model_dump(mode="json")
    known["groups"]["web"]["machine"]["memory"] = "256MiB"
    return DeploymentSpec.model_validate(known)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 1 runs, image 2 is there, and memory is there for one machine more."""
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(declared()).id)
    world.publish("web", 2)
    world.engine.host = Capacity(memory_bytes=(SIZE + 1) * MACHINE_BYTES)
    yield world
    assert world.violations == []
    world.close()


def running(world: World) -> set[str]:
    return {name for name, state in world.machines().items() if state.startswith("RUNNING")}


def serving(world: World) -> int:
    view = world.switch.view("town.play")
    pools = [view.pools[view.active]] if view and view.active else []
    return sum(m.state == "UP" and not m.draining for pool in pools for m in pool.members)


def gone_back(
    world: World, moment: Callable[[OperationRecord], bool], **rollout: object
) -> tuple[OperationRecord, int, int]:
    """A rolling update that a person aborts at a moment: how it ends, the fewest that served and the most that ran afterwards."""
    operation = world.deploy(declared(**rollout)).id
    while not moment(world.store.operations.get(operation)):
        world.step()
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    fewest, most = SIZE, 0
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        fewest, most = min(fewest, serving(world)), max(most, len(running(world)))
    return record, fewest, most


def has(world: World, name: str) -> Callable[[OperationRecord], bool]:
    return lambda _: name in running(world)


def without(world: World, name: str) -> Callable[[OperationRecord], bool]:
    return lambda _: f"town-web-r2-{SIZE - 1}" in running(world) and name not in running(world)


def in_state(state: str) -> Callable[[OperationRecord], bool]:
    return lambda record: record.state == state


@pytest.mark.parametrize("moment", ["first", "second", "last", "SOAKING", "DRAINING"])
@pytest.mark.parametrize("room", [{"surge": 1}, {"surge": 0, "unavailable": 1}])
def test_it_comes_back_with_the_room_that_it_came_with(world: World, moment: str, room: dict[str, int]) -> None:
    moments = {
        "first": has(world, "town-web-r2-0"),
        "second": has(world, "town-web-r2-1"),
        "last": without(world, f"town-web-r1-{SIZE - 2}"),
    }
    end, fewest, most = gone_back(world, moments.get(moment, in_state(moment)), bake_time="20s", **room)
    assert (end.result, end.because) == (Result.REVERTED, "aborted by ann")
    assert running(world) == {f"town-web-r1-{i}" for i in range(SIZE)}
    assert fewest >= SIZE - room.get("unavailable", 0)
    assert most <= SIZE + 1
    assert world.fleet() == "town-web-r1"


def test_a_version_that_is_sick_makes_room_at_once(world: World) -> None:
    """Of the new ones none answers any more: nobody waits for them to show that they can."""
    operation = world.deploy(declared(bake_time="20s")).id
    while not in_state("SOAKING")(world.store.operations.get(operation)):
        world.step()
    world.engine.sick.add(world.store.catalog.get("web/2").digest)
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert running(world) == {f"town-web-r1-{i}" for i in range(SIZE)}
    assert world.fleet() == "town-web-r1"


def test_with_room_enough_one_switch_leads_back(world: World) -> None:
    world.engine.host = Capacity(memory_bytes=2 * SIZE * MACHINE_BYTES)
    end, _, most = gone_back(world, in_state("SOAKING"), bake_time="20s")
    assert end.result is Result.REVERTED
    assert most == 2 * SIZE
    assert running(world) == {f"town-web-r1-{i}" for i in range(SIZE)}
