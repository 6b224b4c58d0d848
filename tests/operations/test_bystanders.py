"""Who serves while a rollout is under way, and isn't changed by it, is looked after: those that die are made again at once, and
turn no good release back; so are old machines, for as long as a canary, an approval or a pause may take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.guard import Guard
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


OLD_SERVE = {
    "CANARY": {"strategy": "canary", "steps": [{"share": 10, "duration": "2h"}]},
    "AWAITING_APPROVAL": {"approval": True},
}


@pytest.mark.parametrize("paused", [False, True], ids=["", "paused"])
@pytest.mark.parametrize("state", OLD_SERVE)
def test_an_old_machine_that_dies_before_anything_moves_is_made_again(
    world: World, state: str, *, paused: bool
) -> None:
    operation = world.deploy(both(**OLD_SERVE[state])).id
    until(world, operation, state)
    if paused:
        say(world, operation, SignalKind.PAUSE)
    guard = Guard(world)
    assert guard.live(120, 5.0) == []
    world.engine.kill_machine("town-web-r1-0")
    world.engine.kill_machine("town-api-r1-1")
    assert sorted(guard.live(65, 1.0)) == ["machine.missing town-api-r1-1", "machine.missing town-web-r1-0"]
    assert guard.found() == [], "both are back"
    assert world.store.operations.get(operation).state == state
    assert set(world.machines().values()) == {"RUNNING/SERVING"}
    for service in ("town.play", "town.back"):
        view = world.switch.view(service)
        assert view is not None and view.active is not None
        assert [m.state for m in view.pools[view.active].members] == ["UP", "UP"]
    say(world, operation, SignalKind.ABORT)
    assert world.run(operation).result is Result.REVERTED
    running = {name for name, how in world.machines().items() if how == "RUNNING/SERVING"}
    assert running == {f"town-{group}-{n}" for group in ("api-r1", "web-r1") for n in range(2)}


@pytest.mark.parametrize("disks", [False, True], ids=["", "with a disk"])
def test_an_old_machine_that_falls_sick_meanwhile_is_made_anew(tmp_path: Path, *, disks: bool) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(2, disks=disks)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(2, disks=disks, approval=True)).id
    until(world, operation, "AWAITING_APPROVAL")
    born = world.engine.list_machines("town")
    world.engine.sick.add("town-web-r1-0")
    for _ in range(20):
        world.step()
    world.engine.sick.discard("town-web-r1-0")
    for _ in range(300):
        world.step()
    seen = {one.name: one for one in world.engine.list_machines("town")}
    anew = [one.name for one in born if seen[one.name].created_at != one.created_at]
    assert anew == ["town-web-r1-0"], "made anew, and nobody else"
    assert set(world.machines().values()) <= {"RUNNING/SERVING", "RUNNING/WAITING"}
    assert world.machines()["town-web-r1-0"] == "RUNNING/SERVING"
    say(world, operation, SignalKind.APPROVE)
    assert world.run(operation).result is Result.SUCCEEDED
    assert world.violations == []
    world.close()


def test_old_machines_that_fall_sick_are_made_anew_one_at_a_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(6)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(6, approval=True)).id
    until(world, operation, "AWAITING_APPROVAL")
    born = {one.name: one.created_at for one in world.engine.list_machines("town")}
    sick, away = {"town-web-r1-1", "town-web-r1-4"}, 0
    world.engine.sick |= sick
    world.engine.boot_seconds = 5.0

    def cure(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("after", "delete_machine"):
            world.engine.sick.discard(name)

    world.watch = cure
    for _ in range(600):
        world.step()
        old = {name: how for name, how in world.machines().items() if "-r1-" in name}
        away = max(away, 6 - sum(how == "RUNNING/SERVING" for how in old.values()))
    seen = {one.name: one.created_at for one in world.engine.list_machines("town")}
    assert {name for name in born if seen[name] != born[name]} == sick
    assert away == 1
    assert world.violations == []
    world.close()


def test_one_that_dies_again_and_again_has_to_wait_for_longer_each_time(world: World) -> None:
    operation = world.deploy(both(approval=True)).id
    until(world, operation, "AWAITING_APPROVAL")
    made, began = [], world.clock.now()
    while world.clock.now() - began < 300:
        if world.machines().get("town-web-r1-0") == "RUNNING/SERVING":
            made.append(world.clock.now())
            world.engine.kill_machine("town-web-r1-0")
        world.step()
    pauses = [later - sooner for sooner, later in itertools.pairwise(made)]
    assert len(pauses) >= 4
    assert all(later > sooner for sooner, later in itertools.pairwise(pauses[1:])), pauses
    assert world.store.operations.get(operation).state == "AWAITING_APPROVAL"


def say(world: World, operation: str, kind: SignalKind) -> None:
    world.store.operations.signal(operation, Signal(kind=kind, actor="ann", at=world.clock.now()))
