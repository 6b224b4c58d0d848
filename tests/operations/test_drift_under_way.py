"""What is done behind an operation's back is found while the operation is under way, for it may wait for a person for days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.drift_spec import DriftSpec

SERVICE = "town.play"


def declared(**rollout: object) -> DeploymentSpec:
    return spec(2, False, **rollout).model_copy(update={"drift": DriftSpec()})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 1 runs; image 2 is there."""
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(declared()).id)
    world.publish("web", 2)
    yield world
    world.close()


def waiting(world: World, state: str, **rollout: object) -> Guard:
    """A rollout to release 2 that stays in a state for long."""
    operation = world.deploy(declared(**rollout)).id
    for _ in range(3000):
        if world.store.operations.get(operation).state == state:
            return Guard(world)
        world.step()
    raise AssertionError(f"it never came to {state}")


def one_more_machine(world: World) -> None:
    world.engine.edit_machine("town-web-r1-0", name="town-web-helper", disks=())


def another_address(world: World) -> None:
    route = world.switch._routes[SERVICE]
    world.switch._routes[SERVICE] = route.model_copy(update={"listen": "127.0.0.1:6666"})


def another_member(world: World) -> None:
    route = world.switch._routes[SERVICE]
    pool = route.pools[route.active or "A"]
    astray = pool.members[0].model_copy(update={"address": "192.0.2.1:80"})
    pools = {**route.pools, route.active or "A": pool.model_copy(update={"members": (astray, *pool.members[1:])})}
    world.switch._routes[SERVICE] = route.model_copy(update={"pools": pools})


def one_more_service(world: World) -> None:
    route = world.switch._routes[SERVICE]
    world.switch._routes["town.evil"] = route.model_copy(update={"service": "town.evil", "listen": "127.0.0.1:6666"})


MEDDLINGS: dict[str, tuple[Callable[[World], None], str]] = {
    "a machine that nobody declared": (one_more_machine, "machine.extra town-web-helper"),
    "the service's address": (another_address, "route.changed play listen"),
    "a service that nobody declared": (one_more_service, "route.extra town.evil"),
    "a member's address": (another_member, "route.changed play town-web-r1-0"),
    "a machine with traffic": (
        lambda world: world.engine.kill_machine("town-web-r1-1"),
        "machine.missing town-web-r1-1",
    ),
    "the memory of a machine with traffic": (
        lambda world: world.engine.edit_machine("town-web-r1-1", memory_bytes=2**33),
        "machine.size town-web-r1-1",
    ),
    "a mount in a machine with traffic": (
        lambda world: world.engine.meddle_inside("town-web-r1-1", mounted=("/usr/share",)),
        "inside.mounted town-web-r1-1 /usr/share",
    ),
}


@pytest.mark.parametrize(("meddle", "expected"), MEDDLINGS.values(), ids=MEDDLINGS)
def test_it_is_found_while_a_person_is_waited_for(world: World, meddle: Callable[[World], None], expected: str) -> None:
    guard = waiting(world, "AWAITING_APPROVAL", approval=True)
    assert guard.live(120, 5.0) == []
    meddle(world)
    assert guard.live(65, 5.0) == [expected]


def test_machines_that_have_traffic_are_looked_into_before_their_release_is_current(world: World) -> None:
    guard = waiting(world, "SOAKING", bake_time="20m")
    assert guard.live(120, 5.0) == []
    world.engine.meddle_inside("town-web-r2-0", sessions=("root on pts/0",), listening=("tcp/4444",))
    assert sorted(guard.live(65, 5.0)) == [
        "inside.port town-web-r2-0 tcp/4444",
        "inside.session town-web-r2-0 root on pts/0",
    ]


def test_a_stopped_machine_that_somebody_starts_is_one_too_many(world: World) -> None:
    world.run(world.deploy(declared()).id)
    guard = Guard(world)
    assert guard.live(120, 5.0) == []
    world.engine.start_machine("town-web-r1-0")
    assert guard.live(65, 5.0) == ["machine.extra town-web-r1-0"]


def test_a_machine_that_is_made_anew_has_another_address_before_a_proxy_hears_of_it(world: World) -> None:
    often = declared().model_copy(update={"drift": DriftSpec(interval="5s")})
    world.run(world.deploy(often).id)
    guard = Guard(world)
    assert guard.live(60) == []
    world.engine.boot_seconds = 20.0
    world.engine.kill_machine("town-web-r2-1")
    assert guard.live(90) == ["machine.missing town-web-r2-1"]


def test_and_when_it_serves_at_last_that_is_no_excuse_any_more(world: World) -> None:
    guard = waiting(world, "AWAITING_APPROVAL", approval=True)
    world.engine.kill_machine("town-web-r1-0")
    assert "route.changed" not in str(guard.live(declared().groups["web"].health.deadline + 10, 5.0))
    another_member(world)
    assert guard.live(65, 5.0) == ["route.changed play town-web-r1-0"]


def test_what_a_machine_takes_down_while_it_shuts_down_is_no_drift(world: World) -> None:
    """It answers to the last."""
    guard, looked = Guard(world), []
    assert guard.live(120, 5.0) == []

    def shut_down(when: str, verb: str, name: str) -> None:
        if (when, verb, name) == ("before", "stop_machine", "town-web-r1-1") and not looked:
            world.engine.meddle_inside(name, unmounted=("/tmp",))
            looked.extend(one.kind for one in guard.check().drifts)

    world.watch = shut_down
    made = next(one for one in world.engine.list_machines("town") if one.name == "town-web-r1-1")
    taint = {"deployment": "town", "engine": "fake", "machine": made.name, "made_at": made.created_at, "actor": "ann"}
    world.store.taints.set({**taint, "reason": "looking", "source": "shell"})
    assert {one.partition(" ")[0] for one in guard.live(120, 5.0)} == {"machine.tainted"}
    assert looked == ["machine.tainted"]
