"""A person aborts a rollout after each of its steps. Whatever it was doing, the old release has everything back: machines,
disks and traffic, and nothing of the new one is left."""

from __future__ import annotations

import pytest
from tests.crash.conftest import hand_over, replace, rollback
from tests.support.simulation import World

from stoneware.errors import Conflict
from stoneware.model.operation import Result, Signal, SignalKind

LASTING = ("machines", "disks", "current")


@pytest.mark.parametrize("prepare", [replace, hand_over, rollback])
def test_the_old_release_has_everything_back(prepare, tmp_path) -> None:  # type: ignore[no-untyped-def]
    world = World(tmp_path)
    world.publish("web", 1)
    operation = prepare(world)
    before = world.picture()
    steps = 0
    while world.store.operations.get(operation).result is None:
        twin = world.copy()
        abort(twin, operation)
        end = twin.run(operation)
        after = twin.picture()
        where = f"aborted after {steps} steps, in {world.store.operations.get(operation).state}"
        assert end.result is Result.REVERTED, f"{where}: {end.because}"
        assert {key: after[key] for key in LASTING} == {key: before[key] for key in LASTING}, where
        assert traffic(twin) == traffic_of(before), where
        assert twin.violations == [], where
        twin.close()
        world.step()
        steps += 1
    assert steps > 8
    world.close()


def abort(world: World, operation: str) -> None:
    try:
        world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    except Conflict:
        raise AssertionError("an unfinished rollout takes an abort") from None


def traffic(world: World) -> dict[str, object]:
    return traffic_of(world.picture())


def traffic_of(picture: dict[str, object]) -> dict[str, object]:
    """Which pool has the traffic, and that nothing is held."""
    routes = picture["routes"]
    assert isinstance(routes, dict)
    return {name: (pools[active], held) for name, (active, held, pools) in routes.items()}
