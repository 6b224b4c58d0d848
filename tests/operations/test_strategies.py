"""Strategies on the fake engine: what each does to machines and traffic, and where its failures end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.measure import BOUNDS_MS, Counters
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.model.route import RouteView

STEPS = [{"share": 10, "duration": "20s"}, {"share": 50, "duration": "20s"}]


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


def until(world: World, operation: str, *states: str) -> OperationRecord:
    for _ in range(5000):
        record = world.store.operations.get(operation)
        if record.state in states or record.result is not None:
            return record
        world.step()
    raise AssertionError(world.store.operations.get(operation))


def route(world: World) -> RouteView:
    view = world.switch.view("town.play")
    assert view is not None
    return view


def send(world: World, operation: str, kind: SignalKind) -> None:
    world.store.operations.signal(operation, Signal(kind=kind, actor="ann", at=world.clock.now()))


def shares(world: World) -> dict[str, int]:
    """Percent of what is new, by fleet."""
    view = route(world)
    return {pool.fleet.rpartition("-")[0]: view.share_of(slot) for slot, pool in view.pools.items()}


def count(world: World, fleet: str, answers: int, failed: int = 0, ms: int = 4, size: int = 3) -> None:
    """So many answers more of each machine of a fleet, all as slow as that."""
    within = tuple(answers if ms <= bound else 0 for bound in BOUNDS_MS)
    more = Counters(answers=answers, failed=failed, timed=answers, within=within)
    for i in range(size):
        before = world.switch.counted.get(f"{fleet}-{i}", Counters())
        world.switch.counted[f"{fleet}-{i}"] = before.plus(more)


# Rolling -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (2, 0), (0, 1), (1, 1), (3, 0)])
def test_a_rolling_update_never_has_too_few_or_too_many(world: World, surge: int, unavailable: int) -> None:
    operation = world.deploy(spec(size=3, strategy="rolling", surge=surge, unavailable=unavailable)).id
    fewest, most = 9, 0
    while world.store.operations.get(operation).result is None:
        world.step()
        serving = [m for p in route(world).pools.values() for m in p.members if m.state == "UP" and not m.draining]
        running = [state for state in world.machines().values() if state.startswith("RUNNING")]
        fewest, most = min(fewest, len({m.machine for m in serving})), max(most, len(running))
    assert world.store.operations.get(operation).result is Result.SUCCEEDED
    assert (fewest, most) == (3 - unavailable, 3 + surge)
    assert world.fleet() == "town-web-r2"
    assert {name for name, state in world.machines().items() if state.startswith("RUNNING")} == {
        f"town-web-r2-{i}" for i in range(3)
    }


def test_a_rolling_update_that_meets_a_sick_version_goes_back_whole(world: World) -> None:
    world.engine.sick.add(world.store.catalog.get("web/2").digest)
    end = world.run(world.deploy(spec(size=3, strategy="rolling", progress_deadline="60s")).id)
    assert end.result is Result.REVERTED
    assert shares(world) == {"town-web-r1": 100}
    assert world.machines() == {f"town-web-r1-{i}": "RUNNING/SERVING" for i in range(3)}


def test_a_rolling_update_is_aborted_in_its_middle(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="rolling")).id
    while not {"town-web-r2-1"} <= set(world.machines()):
        world.step()
    send(world, operation, SignalKind.ABORT)
    end = world.run(operation)
    assert (end.result, end.because) == (Result.REVERTED, "aborted by ann")
    assert shares(world) == {"town-web-r1": 100}
    assert world.machines() == {f"town-web-r1-{i}": "RUNNING/SERVING" for i in range(3)}


def in_turns(world: World, analysis: dict[str, object], **more: int) -> tuple[OperationRecord, int]:
    """A rolling update whose first new machine answers like that (`count`) and then nothing more: how it ends, and the fewest
    old machines that ran before it turned back."""
    operation = world.deploy(spec(size=3, strategy="rolling", bake_time="1s", analysis=analysis)).id
    fewest, counted = 3, False
    while (record := world.store.operations.get(operation)).result is None and record.state != "AWAITING_APPROVAL":
        world.step()
        old = [name for name, state in world.machines().items() if "-r1-" in name and state.startswith("RUNNING")]
        fewest = fewest if record.state in ("REVERTING", "DISCARDING") else min(fewest, len(old))
        up = [m.machine for pool in route(world).pools.values() for m in pool.members]
        if not counted and "town-web-r2-0" in up:
            count(world, "town-web-r2", size=1, **more)  # type: ignore[arg-type]
            counted = True
    return record, fewest


@pytest.mark.parametrize("check", [{"most": 2.0}, {"more": 2.0, "most": 50.0}])
def test_a_version_that_answers_badly_in_its_turns_goes_back_while_old_machines_serve(
    world: World, check: dict[str, float]
) -> None:
    end, fewest = in_turns(world, {"checks": [{"errors": check}], "samples": 20}, answers=30, failed=20)
    assert (end.result, end.frame["code"]) == (Result.REVERTED, "analysis-failed")
    assert "20 of 30 answers failed" in end.because
    assert fewest >= 2
    assert shares(world) == {"town-web-r1": 100}
    assert world.machines() == {f"town-web-r1-{i}": "RUNNING/SERVING" for i in range(3)}


def test_turns_wait_for_no_doubt(world: World) -> None:
    analysis = {"checks": [{"errors": {"most": 2.0}}], "samples": 20, "extend": "1s"}
    end, fewest = in_turns(world, analysis, answers=19, failed=1)
    assert (end.state, fewest) == ("AWAITING_APPROVAL", 0)
    assert "soaking is inconclusive" in end.because


def test_who_still_boots_in_its_turn_is_not_probed(world: World) -> None:
    analysis = {"checks": [{"probe": {"http": {"port": 80}, "failed": 0.0}}]}
    end, _ = in_turns(world, analysis, answers=1)
    assert end.result is Result.SUCCEEDED, end.because


def test_a_rollback_of_a_rolling_update_is_direct(world: World) -> None:
    world.run(world.deploy(spec(size=3, strategy="rolling")).id)
    _, back = world.releasing.rollback("town", None, "ann")
    states = set()
    while (record := world.store.operations.get(back.id)).result is None:
        states.add(record.state)
        world.step()
    assert record.result is Result.SUCCEEDED
    assert "ROLLING" not in states
    assert shares(world) == {"town-web-r1": 100}


# Canary --------------------------------------------------------------------------------------------------------------


def test_a_canary_gets_its_shares_one_after_the_other(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS)).id
    seen = []
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        if shares(world) not in seen:
            seen.append(shares(world))
    assert record.result is Result.SUCCEEDED, record.because
    assert seen == [
        {"town-web-r1": 100},
        {"town-web-r1": 100, "town-web-r2": 0},
        {"town-web-r1": 90, "town-web-r2": 10},
        {"town-web-r1": 50, "town-web-r2": 50},
        {"town-web-r1": 0, "town-web-r2": 100},
        {"town-web-r2": 100},
    ]


def test_a_canary_that_falls_sick_goes_back_by_itself(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS)).id
    until(world, operation, "CANARY")
    world.clock.sleep(5)
    world.engine.sick.add("town-web-r2-1")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert end.because.startswith("sick as a canary")
    assert shares(world) == {"town-web-r1": 100}
    assert not [name for name in world.machines() if "-r2-" in name]


def test_a_canary_whose_figures_are_bad_goes_back(world: World) -> None:
    analysis = {"checks": [{"errors": {"most": 1.0}}], "samples": 100}
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS, analysis=analysis)).id
    until(world, operation, "CANARY")
    for _ in range(5):
        world.step()
    count(world, "town-web-r2", 40, failed=1)
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert "3 of 120 answers failed, more than 1 %" in end.because


def test_good_figures_lead_on_and_too_few_to_a_person(world: World) -> None:
    analysis = {"checks": [{"errors": {"most": 1.0}}], "samples": 50, "extend": "30s"}
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS, analysis=analysis, bake_time="1s")).id
    until(world, operation, "CANARY")
    for _ in range(5):
        world.step()
    count(world, "town-web-r2", 20)
    while shares(world).get("town-web-r2") != 50:
        world.step()
    record = until(world, operation, "AWAITING_APPROVAL")
    assert "0 answers are too few" in record.because
    assert world.clock.now() - record.created_at > 20 + 20 + 30
    send(world, operation, SignalKind.RETRY)
    until(world, operation, "CANARY")
    record = until(world, operation, "AWAITING_APPROVAL")
    send(world, operation, SignalKind.APPROVE)
    until(world, operation, "SOAKING")
    assert shares(world)["town-web-r2"] == 100
    world.step()
    count(world, "town-web-r2", 20)
    until(world, operation, "AWAITING_APPROVAL", "DRAINING")
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_canary_that_waits_for_a_person_is_still_watched(world: World) -> None:
    steps = [{"share": 10, "duration": "5s", "approval": True}]
    operation = world.deploy(spec(size=3, strategy="canary", steps=steps)).id
    until(world, operation, "AWAITING_APPROVAL")
    assert shares(world)["town-web-r2"] == 10
    world.clock.sleep(3600)
    world.engine.sick.add("town-web-r2-0")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert end.because.startswith("sick while a person was asked")


def test_a_paused_canary_is_still_watched(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS)).id
    until(world, operation, "CANARY")
    send(world, operation, SignalKind.PAUSE)
    world.step()
    assert world.store.operations.get(operation).paused
    world.engine.sick.add("town-web-r2-0")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert end.because.startswith("sick while paused")


def test_a_promoted_canary_skips_its_steps_but_not_its_proof(world: World) -> None:
    operation = world.deploy(spec(size=3, strategy="canary", bake_time="1h")).id
    until(world, operation, "CANARY")
    send(world, operation, SignalKind.PROMOTE)
    began = world.clock.now()
    assert world.run(operation).result is Result.SUCCEEDED
    assert world.clock.now() - began < 60


def test_a_slower_canary_is_compared_with_a_fresh_machine_of_the_old_version(world: World) -> None:
    analysis = {"checks": [{"latency": {"quantile": 0.9, "times": 1.5}}], "samples": 50}
    operation = world.deploy(spec(size=3, strategy="canary", steps=STEPS, baseline=True, analysis=analysis)).id
    until(world, operation, "CANARY")
    for _ in range(5):
        world.step()
    assert shares(world) == {"town-web-r1": 87, "town-web-r2": 10, "town-web-r1-base": 3}
    assert world.machines()["town-web-r1-base-2"] == "RUNNING/SERVING"
    within = tuple(60 if bound >= 5 else 0 for bound in BOUNDS_MS)
    world.switch.counted["town-web-r1-base-2"] = Counters(answers=60, timed=60, within=within)
    count(world, "town-web-r2", 20, ms=90)
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert "times the" in end.because
    assert sorted(world.machines()) == [f"town-web-r1-{i}" for i in range(3)]


def test_figures_after_the_switch_count_too(world: World) -> None:
    analysis = {"checks": [{"errors": {"most": 1.0, "more": 0.1}}], "samples": 10}
    operation = world.deploy(spec(size=3, analysis=analysis, bake_time="30s")).id
    until(world, operation, "SOAKING")
    world.step()
    count(world, "town-web-r2", 100, failed=50)
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert "150 of 300 answers failed" in end.because
    assert shares(world) == {"town-web-r1": 100}


# Recreate ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disks", [False, True])
def test_recreate_never_has_both_versions_at_once(tmp_path: Path, disks: bool) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=disks)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(disks=disks, strategy="recreate")).id
    while (record := world.store.operations.get(operation)).result is None:
        world.step()
        fleets = {name.rpartition("-")[0] for name, state in world.machines().items() if state.startswith("RUNNING")}
        assert len(fleets) < 2
    assert record.result is Result.SUCCEEDED, record.because
    assert world.fleet() == "town-web-r2"
    assert not route(world).held
    assert world.violations == []
    world.close()


@pytest.mark.parametrize("disks", [False, True])
def test_a_recreation_that_fails_returns_to_the_old_machines(tmp_path: Path, disks: bool) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=disks)).id)
    world.engine.sick.add(world.publish("web", 2))
    end = world.run(world.deploy(spec(disks=disks, strategy="recreate", progress_deadline="60s")).id)
    assert end.result is Result.REVERTED, end.because
    assert world.fleet() == "town-web-r1"
    assert world.machines() == {f"town-web-r1-{i}": "RUNNING/SERVING" for i in range(2)}
    assert not route(world).held
    assert world.violations == []
    world.close()


# Together ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategies", [("rolling", "canary"), ("canary", "rolling"), ("rolling", "recreate")])
def test_a_service_moves_between_groups_of_different_strategies(tmp_path: Path, strategies: tuple[str, str]) -> None:
    def declared(version: int, group: str) -> DeploymentSpec:
        groups = {
            name: {
                "image": f"web/{version}",
                "health": {"http": {"port": 80}, "healthy_for": "2s", "deadline": "30s"},
                "rollout": {"bake_time": "2s", "drain": "1s", "progress_deadline": "60s", "strategy": strategy}
                | ({"steps": [{"share": 10, "duration": "5s"}]} if strategy == "canary" else {}),
            }
            for name, strategy in zip(("a", "b"), strategies, strict=True)
        }
        services = {
            "one": {"group": group, "port": 80, "listen": "127.0.0.1:8080"},
            "two": {"group": "b", "port": 80, "listen": "127.0.0.1:8081"},
        }
        return DeploymentSpec.model_validate({"engine": "fake", "groups": groups, "services": services})

    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
    world.run(world.deploy(declared(1, "a")).id)
    end = world.run(world.deploy(declared(2, "b")).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet("town.one") == world.fleet("town.two") == "town-b-r2"
    assert world.violations == []
    world.close()
