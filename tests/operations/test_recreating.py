"""A recreation on the fake engine: while it waits nobody serves, so it gives up as soon as it waits in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.machine import Power
from stoneware.model.operation import OperationRecord, Result


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec()).id)
    yield world
    assert world.violations == []
    world.close()


def outage_of(world: World, declared: DeploymentSpec) -> tuple[OperationRecord, float, set[str]]:
    """How a rollout of image 2 ended, how long requests were held (seconds), and all that was said while new machines came."""
    operation, began, ended, said = world.deploy(declared).id, 0.0, 0.0, set()
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        view = world.switch.view("town.play")
        if view and view.held:
            began = began or world.clock.now()
            ended = world.clock.now()
        if record.state in ("HANDING_OVER", "SHIFTING"):
            said.add(record.because)
    return record, ended - began, said


@pytest.mark.parametrize("disks", [False, True])
def test_machines_that_never_become_healthy_have_the_time_that_their_health_gives_them(
    tmp_path: Path, disks: bool
) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=disks)).id)
    world.engine.sick.add(world.publish("web", 2))
    end, held_s, said = outage_of(world, spec(disks=disks, strategy="recreate", hold_limit="5m"))
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "machine-sick")
    assert "not healthy within 30s; town-web-r2-0: connection refused" in end.because
    assert 30 < held_s < 50
    assert world.machines() == {f"town-web-r1-{i}": "RUNNING/SERVING" for i in range(2)}
    assert any("disk" in words for words in said) is disks, said
    assert world.violations == []
    world.close()


def test_who_is_sick_when_requests_wait_no_longer_gets_no_more_time(world: World) -> None:
    world.engine.sick.add(world.publish("web", 2))
    end, held_s, _ = outage_of(world, spec(strategy="recreate", hold_limit="12s"))
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "machine-sick")
    assert "requests are refused since hold_limit (12s) is over" in end.because
    assert 12 < held_s < 25


def test_who_has_just_booted_may_answer_a_few_questions_though_requests_wait_no_longer(world: World) -> None:
    world.engine.slow[world.publish("web", 2)] = 20.0
    operation, ill = world.deploy(spec(strategy="recreate", hold_limit="5s")).id, False
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        serving = world.machines().get("town-web-r2-0") == "RUNNING/SERVING"
        if serving and not ill:
            world.engine.sick.add("town-web-r2-0")
            ill, well_at = True, world.clock.now() + 2
        if ill and world.clock.now() > well_at:
            world.engine.sick.discard("town-web-r2-0")
    assert record.result is Result.SUCCEEDED, record.because


def test_who_died_and_is_not_back_when_requests_wait_no_longer_gets_no_more_time(world: World) -> None:
    digest = world.publish("web", 2)
    world.engine.slow[digest] = 8.0
    operation = world.deploy(spec(strategy="recreate", hold_limit="12s", boot_tries=10)).id
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        if world.machines().get("town-web-r2-0") == "RUNNING/SERVING":
            world.engine.kill_machine("town-web-r2-0")
    assert (record.result, record.frame["code"]) == (Result.REVERTED, "machine-not-up")
    assert record.because.startswith("town-web-r2-0 died and didn't come back, and requests are refused")


def test_a_program_that_ends_at_once_turns_back_after_the_tries_that_it_has(world: World) -> None:
    world.publish("web", 2)

    def dies(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("after", "create_machine") and "-r2-" in name:
            world.engine.kill_machine(name)

    world.watch = dies
    end, held_s, said = outage_of(world, spec(strategy="recreate"))
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "machine-not-up")
    assert "did not come up in 3 tries" in end.because
    assert held_s < 15
    assert not any("disk" in words for words in said), said


def test_who_dies_between_health_and_switch_is_not_waited_for_as_long_as_progress_may_take(world: World) -> None:
    world.publish("web", 2)
    operation = world.deploy(spec(strategy="recreate")).id
    while world.store.operations.get(operation).state != "SHIFTING":
        world.step()
    world.engine.kill_machine("town-web-r2-0")
    began = world.clock.now()
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert world.clock.now() - began < 60
    assert [m.power for m in world.engine.everything() if "-r1-" in m.name] == [Power.RUNNING] * 2
