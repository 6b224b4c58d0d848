"""A version that has traffic is judged, whatever the rollout waits for; and what is promised to old clients and held requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.operations.test_strategies import count, route, send, shares, until
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.operation import Result, SignalKind
from stoneware.model.strategy import CommandCheck, Judgement, Verdict
from stoneware.operations.rollout.elsewhere import Elsewhere
from stoneware.operations.rollout.rollout import Rollout

ERRORS = {"checks": [{"errors": {"most": 1.0}}], "samples": 10, "extend": "1s"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 1 runs; image 2 is there."""
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(size=3)).id)
    world.publish("web", 2)
    yield world
    assert world.violations == []
    world.close()


def busy(world: World) -> None:
    """Each pool answers a request that doesn't end."""
    for pool in route(world).pools.values():
        world.switch.open[pool.fleet] = 1


def draining(world: World, **rollout: object) -> str:
    """A rollout whose old machines take long to finish."""
    operation = world.deploy(spec(size=3, drain="20s", **rollout)).id
    until(world, operation, "SOAKING")
    world.step()
    count(world, "town-web-r2", 100)
    busy(world)
    until(world, operation, "DRAINING")
    return operation


# Health --------------------------------------------------------------------------------------------------------------


def test_who_falls_sick_while_the_old_ones_finish_leads_back_to_them(world: World) -> None:
    operation = draining(world)
    world.engine.sick.add(world.store.catalog.get("web/2").digest)
    until(world, operation, "REVERTING")
    world.switch.open.clear()
    end = world.run(operation)
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "machine-sick")
    assert end.because.startswith("sick while the old machines were finishing")
    assert shares(world) == {"town-web-r1": 100}
    assert not [effect for effect in world.engine.effects if effect == ("stop_machine", "town-web-r1-0")]


def test_the_last_look_is_before_the_old_machines_stop(world: World) -> None:
    operation = world.deploy(spec(size=3, drain="0s")).id
    until(world, operation, "DRAINING")
    world.engine.kill_machine("town-web-r2-0")
    world.clock.sleep(0.2)
    assert world.run(operation).result is Result.REVERTED
    assert shares(world) == {"town-web-r1": 100}


def test_without_automatic_rollback_a_person_decides_while_the_old_ones_finish(world: World) -> None:
    operation = draining(world, auto_rollback=False)
    world.engine.sick.add("town-web-r2-0")
    until(world, operation, "AWAITING_DECISION")
    world.engine.sick.clear()
    world.switch.open.clear()
    send(world, operation, SignalKind.RETRY)
    assert world.run(operation).result is Result.SUCCEEDED


@pytest.mark.parametrize("paused", [False, True])
def test_a_machine_with_disks_is_watched_while_a_person_is_waited_for(tmp_path: Path, paused: bool) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=True)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(disks=True, analysis=ERRORS)).id
    until(world, operation, "AWAITING_APPROVAL")
    if paused:
        send(world, operation, SignalKind.PAUSE)
        world.step()
    world.engine.sick.add("town-web-r2-0")
    assert world.run(operation).result is Result.REVERTED
    world.close()


# Figures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["asked", "paused"])
def test_a_canary_that_answers_badly_goes_back_whatever_is_waited_for(world: World, kind: str) -> None:
    steps = [{"share": 50, "duration": "5s" if kind == "asked" else "1h", "approval": kind == "asked"}]
    operation = world.deploy(spec(size=3, strategy="canary", steps=steps, analysis=ERRORS)).id
    until(world, operation, "CANARY")
    for _ in range(5):
        world.step()
    count(world, "town-web-r2", 100)
    if kind == "asked":
        until(world, operation, "AWAITING_APPROVAL")
    else:
        send(world, operation, SignalKind.PAUSE)
        world.step()
    count(world, "town-web-r2", 100, failed=100)
    end = world.run(operation)
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "analysis-failed")
    assert end.because.startswith("the analysis failed while")
    assert shares(world) == {"town-web-r1": 100}


def test_a_version_that_answers_badly_while_the_old_one_finishes_goes_back(world: World) -> None:
    operation = draining(world, analysis=ERRORS)
    count(world, "town-web-r2", 100, failed=100)
    until(world, operation, "REVERTING")
    world.switch.open.clear()
    end = world.run(operation)
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "analysis-failed")


def test_a_doubt_changes_nothing_for_whom_a_person_is_waited_for(world: World) -> None:
    operation = world.deploy(spec(size=3, analysis=ERRORS)).id
    until(world, operation, "AWAITING_APPROVAL")
    for _ in range(50):
        world.step()
    assert world.store.operations.get(operation).state == "AWAITING_APPROVAL"
    send(world, operation, SignalKind.APPROVE)
    assert world.run(operation).result is Result.SUCCEEDED


@pytest.mark.parametrize("paused", [False, True])
def test_who_has_no_traffic_yet_is_not_judged_while_a_person_is_asked(world: World, paused: bool) -> None:
    operation = world.deploy(spec(size=3, approval=True, analysis=ERRORS)).id
    until(world, operation, "AWAITING_APPROVAL")
    count(world, "town-web-r2", 100, failed=100)
    world.engine.sick.add("town-web-r2-0")
    if paused:
        send(world, operation, SignalKind.PAUSE)
    for _ in range(50):
        world.step()
    assert world.store.operations.get(operation).state == "AWAITING_APPROVAL"


# Old clients ---------------------------------------------------------------------------------------------------------


def sticky(**rollout: object) -> DeploymentSpec:
    declared = spec(size=3, **rollout)
    play = declared.services["play"].model_copy(update={"sticky": True, "max_session": 30.0})
    return declared.model_copy(update={"services": {"play": play}})


@pytest.mark.parametrize("kind", ["asked", "paused", "decision"])
def test_old_clients_leave_in_time_whatever_is_waited_for(world: World, kind: str) -> None:
    if kind == "paused":
        operation = world.deploy(sticky(bake_time="60s")).id
        until(world, operation, "SOAKING")
        send(world, operation, SignalKind.PAUSE)
    else:
        operation = world.deploy(sticky(analysis=ERRORS, auto_rollback=kind == "asked")).id
        until(world, operation, "AWAITING_APPROVAL")
    if kind == "decision":
        world.engine.sick.add("town-web-r2-0")
        until(world, operation, "AWAITING_DECISION")
    assert route(world).staying
    until_s = world.clock.now() + 40
    while world.clock.now() < until_s:
        world.step()
    assert not route(world).staying
    assert world.store.operations.get(operation).result is None


# What a person says --------------------------------------------------------------------------------------------------


def test_nothing_is_tried_again_where_nothing_was_judged(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="canary", approval=True, analysis=ERRORS)).id
    record = until(world, operation, "AWAITING_APPROVAL")
    said = world.runner.procedures["rollout"].objection(SignalKind.RETRY, record)
    assert said == "nothing has failed, and nothing is in doubt: the rollout is AWAITING_APPROVAL"
    send(world, operation, SignalKind.RETRY)
    world.step()
    assert not world.store.operations.get(operation).frame["retried"]


def test_of_retry_and_approval_the_last_word_counts(world: World) -> None:
    operation = world.deploy(spec(size=3, analysis=ERRORS)).id
    until(world, operation, "AWAITING_APPROVAL")
    for kind in (SignalKind.RETRY, SignalKind.APPROVE):
        send(world, operation, kind)
    until(world, operation, "DRAINING", "SOAKING")
    assert world.store.operations.get(operation).state == "DRAINING"
    assert not world.store.operations.get(operation).frame["retried"]


# Deadlines -----------------------------------------------------------------------------------------------------------


class Slow(Elsewhere):
    """A command that takes all of its time, and says nothing."""

    def __init__(self, world: World) -> None:
        object.__setattr__(self, "world", world)

    def word(self, check: CommandCheck, environment: dict[str, str]) -> Judgement:
        self.world.clock.sleep(check.within)  # type: ignore[attr-defined]
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail="the command didn't end by itself")


def test_a_command_may_take_its_time_after_the_switch(world: World) -> None:
    world.runner.procedures["rollout"] = Rollout(world.store, world.platforms, world.artifact, Slow(world))  # type: ignore[index]
    analysis = {"checks": [{"run": {"command": ["/bin/ask"], "within": "300s"}}], "samples": 1, "extend": "60s"}
    operation = world.deploy(spec(size=3, analysis=analysis)).id
    assert until(world, operation, "AWAITING_APPROVAL").state == "AWAITING_APPROVAL"


def test_who_is_patient_does_not_overrule_who_is_not(tmp_path: Path) -> None:
    """`db` holds its requests for at most 4 s; `web`, which changes too and holds none, would for 60 s, and `old` is no
    hand-over at all."""

    def declared(version: int) -> DeploymentSpec:
        one = {
            "size": 1,
            "health": {"http": {"port": 80}, "healthy_for": "2s", "deadline": "30s"},
            "rollout": {"bake_time": "5s", "drain": "1s", "progress_deadline": "60s"},
        }
        groups = {
            "web": {"image": f"web/{version}", **one},
            "old": {"image": "web/1", **one, "rollout": {"strategy": "recreate"}},
            "db": {
                "image": f"web/{version}",
                **one,
                "rollout": {**one["rollout"], "hold_limit": "4s"},  # type: ignore[dict-item]
                "disks": {"data": {"size": "1GiB", "mount": "/var/lib/app"}},
            },
        }
        services = {
            "play": {"group": "web", "port": 80, "listen": "127.0.0.1:8080"},
            "store": {"group": "db", "port": 80, "listen": "127.0.0.1:8081"},
        }
        return DeploymentSpec.model_validate({"engine": "fake", "groups": groups, "services": services})

    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
    world.run(world.deploy(declared(1)).id)
    world.engine.sick.add("town-db-r2-0")
    operation = world.deploy(declared(2)).id
    end = world.run(operation)
    lines = world.store.operations.journal(operation)
    assert end.result is Result.REVERTED
    assert "not done within 2s" in end.because
    assert [line for line in lines if "after requests were held" in line.text and "refused" not in line.text]
    world.close()
