"""What dies in a group that a rollout doesn't change is made again at once, and turns no good release back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.operation import Result, Signal, SignalKind


def both(**rollout: object) -> DeploymentSpec:
    """Group `web` changes with its image; group `api`, with disks, behind a service of its own, doesn't."""
    known = spec(2, **rollout).model_dump(mode="json")
    known["groups"]["api"] = spec(2, image="api", disks=True).model_dump(mode="json")["groups"]["web"]
    known["services"]["back"] = {"group": "api", "port": 80, "listen": "127.0.0.1:8081"}
    return DeploymentSpec.model_validate(known)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.publish("api", 1)
    world.run(world.deploy(both()).id)
    world.publish("web", 2)
    yield world
    assert world.violations == []
    world.close()


WAYS: dict[str, dict[str, object]] = {
    "CANARY": {"strategy": "canary", "steps": [{"share": 10, "duration": "60s"}]},
    "ROLLING": {"strategy": "rolling"},
    "AWAITING_APPROVAL": {"approval": True},
    "SOAKING": {"bake_time": "30s"},
    "DRAINING": {},
}


def until(world: World, operation: str, state: str) -> None:
    while (record := world.store.operations.get(operation)).state != state:
        assert record.result is None, record
        world.step()


@pytest.mark.parametrize("state", WAYS)
def test_one_that_dies_is_made_again_while_the_rollout_goes_on(world: World, state: str) -> None:
    operation = world.deploy(both(**WAYS[state])).id
    until(world, operation, state)
    world.engine.kill_machine("town-api-r1-0")
    for _ in range(400):
        world.step()
    if state == "AWAITING_APPROVAL":
        assert world.machines()["town-api-r1-0"] == "RUNNING/SERVING", (
            "nobody else would, for as long as nobody answers"
        )
        world.store.operations.signal(operation, Signal(kind=SignalKind.APPROVE, actor="ann", at=world.clock.now()))
    assert world.run(operation).result is Result.SUCCEEDED
    running = {name for name, how in world.machines().items() if how == "RUNNING/SERVING"}
    assert running == {f"town-{group}-{n}" for group in ("api-r1", "web-r2") for n in range(2)}
    view = world.switch.view("town.back")
    assert view is not None and view.active is not None
    assert [m.state for m in view.pools[view.active].members] == ["UP", "UP"]
    assert world.engine.list_disks("town")[0].writer == "town-api-r1-0"
    made = [e.fact.subject for e in world.store.ledger.entries(limit=1000) if e.fact.verb == "machine.create"]
    assert made.count("town-api-r1-0") == 2


def test_a_group_that_grows_is_none_and_its_neighbour_is(world: World) -> None:
    """Both groups are of the first release: what a group's fleet is called says nothing of its neighbour."""
    world.run(world.deploy(both()).id)
    grown = both(bake_time="30s").model_dump(mode="json")
    grown["groups"]["web"]["size"] = 3
    operation = world.deploy(DeploymentSpec.model_validate(grown)).id
    until(world, operation, "SOAKING")
    world.engine.kill_machine("town-api-r1-1")
    assert world.run(operation).result is Result.SUCCEEDED
    assert world.machines()["town-api-r1-1"] == "RUNNING/SERVING"


def test_one_that_answers_badly_may_do_so_because_of_the_release(world: World) -> None:
    operation = world.deploy(both(bake_time="30s")).id
    until(world, operation, "SOAKING")
    world.engine.sick.add("town-api-r1-0")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert "town-api-r1-0" in end.because


def test_one_that_never_comes_up_again_is_given_up_in_the_end(world: World) -> None:
    operation = world.deploy(both(bake_time="30s")).id
    until(world, operation, "SOAKING")
    world.engine.never_boots.add(world.store.catalog.get("api/1").digest)
    world.engine.kill_machine("town-api-r1-0")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    made = [e.fact.subject for e in world.store.ledger.entries(limit=1000) if e.fact.verb == "machine.create"]
    assert made.count("town-api-r1-0") <= 1 + 2 * both().groups["api"].rollout.boot_tries
