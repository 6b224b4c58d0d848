"""A machine that dies is replaced, with its disk; a repair that can't succeed isn't tried without end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.operation import Result
from stoneware.operations.reconcile import PAUSE_S, Reconcile
from stoneware.operations.watch import Watch


@pytest.fixture(params=[False, True], ids=["stateless", "with disks"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=request.param)).id)
    yield world
    world.close()


def reconcile(world: World) -> list[str]:
    return [record.id for record in Reconcile(world.store, world.platforms, world.clock, Watch(world.clock)).run()]


def test_nothing_is_done_while_all_is_well(world: World) -> None:
    assert reconcile(world) == []


def test_a_machine_that_died_is_replaced_and_the_rest_stays(world: World) -> None:
    before = world.picture()
    world.engine.kill_machine("town-web-r1-0")
    [operation] = reconcile(world)
    assert reconcile(world) == [], "it is under way"
    end = world.run(operation)
    assert (end.result, end.reason) == (Result.SUCCEEDED, "town-web-r1-0 died")
    after = world.picture()
    for what in ("machines", "disks", "routes", "current", "releases"):
        assert after[what] == before[what]
    assert [name for verb, name in world.engine.effects if verb == "delete_machine"] == ["town-web-r1-0"]
    assert world.violations == []
    assert reconcile(world) == []


def test_a_repair_that_fails_leaves_the_release_good_and_is_tried_again_later(world: World) -> None:
    world.engine.kill_machine("town-web-r1-0")
    world.engine.never_boots.add(world.store.catalog.get("web/1").digest)
    [operation] = reconcile(world)
    assert world.run(operation).result in (Result.REVERTED, Result.STUCK)
    assert world.store.releases.get("town", 1).state == "GOOD"
    assert reconcile(world) == []
    world.engine.never_boots.clear()
    world.clock.sleep(PAUSE_S + 1)
    world.engine.kill_machine("town-web-r1-0")
    [again] = reconcile(world)
    assert world.run(again).result is Result.SUCCEEDED


@pytest.mark.parametrize("wish", ["deploy", "rollback"])
def test_a_repair_gives_way_to_what_a_person_wants(world: World, wish: str) -> None:
    disks = bool(world.engine.list_disks())
    world.publish("web", 2)
    world.run(world.deploy(spec(disks=disks)).id)
    world.engine.kill_machine("town-web-r2-0")
    [repair] = reconcile(world)
    for _ in range(4):
        world.step()
    if wish == "deploy":
        wanted = world.deploy(spec(disks=disks, image="web/1"))
    else:
        wanted = world.releasing.rollback("town", None, "tester")[1]
    given_up = world.store.operations.get(repair)
    assert (given_up.result, given_up.because) == (Result.FAILED, f"given up for {wanted.id}")
    assert world.run(wanted.id).result is Result.SUCCEEDED
    assert world.fleet() == "town-web-r1"
    assert world.violations == []


def test_what_a_person_started_goes_first(world: World) -> None:
    world.engine.kill_machine("town-web-r1-0")
    world.publish("web", 2)
    operation = world.deploy(spec(disks=bool(world.engine.list_disks()))).id
    assert reconcile(world) == []
    assert world.run(operation).result is Result.SUCCEEDED
