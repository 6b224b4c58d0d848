"""Rollouts on the fake engine: where each ends, and what is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.operation import Result, Signal, SignalKind
from stoneware.model.release import ReleaseState


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield world
    world.close()


@pytest.mark.parametrize("disks", [False, True])
def test_first_deploy_serves(world: World, disks: bool) -> None:
    end = world.run(world.deploy(spec(disks=disks)).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.machines() == {"town-web-r1-0": "RUNNING/SERVING", "town-web-r1-1": "RUNNING/SERVING"}
    assert world.fleet() == "town-web-r1"
    current = world.store.releases.current("town")
    assert current is not None
    assert (current.number, current.state) == (1, ReleaseState.GOOD)


def test_the_first_release_waits_for_no_doubt(world: World) -> None:
    analysis = {"checks": [{"errors": {"most": 2.0}}], "samples": 20, "extend": "1h"}
    end = world.run(world.deploy(spec(bake_time="1s", analysis=analysis)).id)
    assert end.result is Result.SUCCEEDED, end.because


@pytest.mark.parametrize("disks", [False, True])
def test_second_release_replaces_and_rollback_returns(world: World, disks: bool) -> None:
    world.run(world.deploy(spec(disks=disks)).id)
    world.publish("web", 2)
    end = world.run(world.deploy(spec(disks=disks)).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet() == "town-web-r2"
    assert world.machines()["town-web-r1-0"] == "STOPPED/UNKNOWN"
    _, back = world.releasing.rollback("town", None, "tester")
    end = world.run(back.id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet() == "town-web-r1"
    assert world.machines()["town-web-r2-0"] == "STOPPED/UNKNOWN"
    if disks:
        assert {d.writer for d in world.engine.list_disks()} == {"town-web-r1-0", "town-web-r1-1"}
    assert world.violations == []


def test_going_back_to_what_never_was_good_is_warned_of(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.engine.never_boots.add(world.publish("web", 2))
    assert world.run(world.deploy(spec(progress_deadline="60s")).id).result is Result.REVERTED
    plan, _ = world.releasing.rollback("town", 2, "ann")
    assert plan is not None
    assert plan.warnings == ("release 2 is BAD: a rollout to it failed, or it was gone back from",)


def test_going_back_to_what_was_good_needs_no_warning(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    world.run(world.deploy(spec()).id)
    plan, _ = world.releasing.rollback("town", 1, "ann")
    assert plan is not None
    assert plan.warnings == ()


@pytest.mark.parametrize("disks", [False, True])
def test_machines_that_never_come_up_lead_back(world: World, disks: bool) -> None:
    world.run(world.deploy(spec(disks=disks)).id)
    bad = world.publish("web", 2)
    world.engine.never_boots.add(bad)
    end = world.run(world.deploy(spec(disks=disks, progress_deadline="60s")).id)
    assert end.result is Result.REVERTED
    assert "booting" in end.because
    assert sorted(world.machines()) == ["town-web-r1-0", "town-web-r1-1"]
    assert world.fleet() == "town-web-r1"
    assert world.store.releases.get("town", 2).state is ReleaseState.BAD


def test_sick_after_hand_over_gives_the_disks_back(world: World) -> None:
    world.run(world.deploy(spec(disks=True)).id)
    world.engine.sick.add(world.publish("web", 2))
    end = world.run(world.deploy(spec(disks=True)).id)
    assert end.result is Result.REVERTED
    assert {d.writer for d in world.engine.list_disks()} == {"town-web-r1-0", "town-web-r1-1"}
    assert world.machines() == {"town-web-r1-0": "RUNNING/SERVING", "town-web-r1-1": "RUNNING/SERVING"}
    view = world.switch.read("town.play")
    assert view is not None
    assert not view.held


@pytest.mark.parametrize("disks", [False, True])
@pytest.mark.parametrize(
    "state",
    [
        "PROVISIONING",
        "VERIFYING",
        "SNAPSHOTTING",
        "HOLDING",
        "HANDING_OVER",
        "SHIFTING",
        "SOAKING",
        "DRAINING",
        "RETIRING",
    ],
)
def test_abort_in_every_state_returns_to_the_old_release(world: World, disks: bool, state: str) -> None:
    world.run(world.deploy(spec(disks=disks)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(disks=disks)).id
    while (now := world.store.operations.get(operation)).state != state and now.result is None:
        world.step()
    if now.result is not None:
        assert not disks, f"{state} was never reached"
        return
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    end = world.run(operation)
    assert (end.result, end.because) == (Result.REVERTED, "aborted by ann")
    assert world.fleet() == "town-web-r1"
    assert world.machines() == {"town-web-r1-0": "RUNNING/SERVING", "town-web-r1-1": "RUNNING/SERVING"}


def test_growing_and_shrinking_keep_the_machines(world: World) -> None:
    world.run(world.deploy(spec(size=2)).id)
    assert world.run(world.deploy(spec(size=3)).id).result is Result.SUCCEEDED
    assert len(world.machines()) == 3
    assert world.run(world.deploy(spec(size=1)).id).result is Result.SUCCEEDED
    assert world.fleet() == "town-web-r1"
    view = world.switch.read("town.play")
    assert view is not None and view.active is not None
    assert [m.machine for m in view.pools[view.active].members] == ["town-web-r1-0"]


def test_pause_and_resume(world: World) -> None:
    operation = world.deploy(spec()).id
    world.step()
    world.store.operations.signal(operation, Signal(kind=SignalKind.PAUSE, actor="ann", reason="lunch", at=0))
    world.step()
    record = world.store.operations.get(operation)
    assert (record.paused, record.because) == (True, "paused: lunch")
    world.clock.sleep(3000)
    world.store.operations.signal(operation, Signal(kind=SignalKind.RESUME, actor="ann", at=0))
    assert world.run(operation).result is Result.SUCCEEDED


def hurried(world: World) -> str:
    """A rollout that has come to a state in which it can't be paused, after a person's pause was accepted."""
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    operation = world.deploy(spec(bake_time="60s")).id
    while world.store.operations.get(operation).state != "SHIFTING":
        world.step()
    world.store.operations.signal(operation, Signal(kind=SignalKind.PAUSE, actor="ann", at=0))
    return operation


def test_a_pause_that_comes_too_late_for_its_state_begins_in_the_next(world: World) -> None:
    operation = hurried(world)
    for _ in range(200):
        world.step()
    record = world.store.operations.get(operation)
    assert (record.state, record.paused) == ("SOAKING", True)
    world.clock.sleep(3000)
    world.store.operations.signal(operation, Signal(kind=SignalKind.RESUME, actor="ann", at=0))
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_pause_that_is_due_can_be_taken_back(world: World) -> None:
    operation = hurried(world)
    world.store.operations.signal(operation, Signal(kind=SignalKind.RESUME, actor="ann", at=0))
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_pause_that_is_due_is_no_pause_on_the_way_back(world: World) -> None:
    operation = hurried(world)
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=0))
    assert world.run(operation).result is Result.REVERTED


def test_approval_waits_for_a_person(world: World) -> None:
    operation = world.deploy(spec(approval=True)).id
    while world.store.operations.get(operation).state != "AWAITING_APPROVAL":
        world.step()
    world.store.operations.signal(operation, Signal(kind=SignalKind.APPROVE, actor="ann", at=0))
    assert world.run(operation).result is Result.SUCCEEDED


def test_without_automatic_rollback_a_person_decides(world: World) -> None:
    world.run(world.deploy(spec()).id)
    bad = world.publish("web", 2)
    world.engine.never_boots.add(bad)
    operation = world.deploy(spec(auto_rollback=False, progress_deadline="10s")).id
    while world.store.operations.get(operation).state != "AWAITING_DECISION":
        world.step()
    world.engine.never_boots.clear()
    world.store.operations.signal(operation, Signal(kind=SignalKind.RETRY, actor="ann", at=0))
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_machine_that_dies_while_soaking_leads_back(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    operation = world.deploy(spec()).id
    while world.store.operations.get(operation).state != "SOAKING":
        world.step()
    world.engine.kill_machine("town-web-r2-0")
    end = world.run(operation)
    assert end.result is Result.REVERTED
    assert "GONE" in end.because


def test_one_rollout_at_a_time_and_no_return_to_the_same(world: World) -> None:
    operation = world.deploy(spec()).id
    with pytest.raises(Conflict, match=operation):
        world.deploy(spec(size=3))
    world.run(operation)
    with pytest.raises(Refused, match="nothing to do"):
        world.deploy(spec())
    with pytest.raises(Refused, match="runs already"):
        world.releasing.rollback("town", 1, "tester")


def test_a_plan_that_drops_a_disk_is_refused(world: World) -> None:
    world.run(world.deploy(spec(disks=True)).id)
    with pytest.raises(Refused, match=r"web\.data"):
        world.deploy(spec(disks=False))


def test_a_disk_keeps_its_size(world: World) -> None:
    world.run(world.deploy(spec(disks=True)).id)
    bigger = spec(disks=True)
    group = bigger.groups["web"]
    data = group.disks["data"].model_copy(update={"size": 2 * 2**30})
    wanted = bigger.model_copy(update={"groups": {"web": group.model_copy(update={"disks": {"data": data}})}})
    with pytest.raises(Refused, match="town-web-data-0 has 1GiB, not 2GiB"):
        world.deploy(wanted)


def test_deprecating_leads_back_to_the_same_machines(world: World) -> None:
    from stoneware.model.image import ImageState

    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    world.run(world.deploy(spec()).id)
    world.store.catalog.set_state("web/2", ImageState.DEPRECATED, "ann")
    end = world.run(world.deploy(spec()).id)
    assert end.result is Result.SUCCEEDED
    current = world.store.releases.current("town")
    assert current is not None
    assert (current.number, current.groups["web"].fleet) == (3, 1)
    assert world.store.ledger.verify() is None


def test_rolling_back_twice_goes_further_back(world: World) -> None:
    for version in (1, 2, 3):
        if version > 1:
            world.publish("web", version)
        world.run(world.deploy(spec()).id)
    for expected in (2, 1):
        world.run(world.releasing.rollback("town", None, "tester")[1].id)
        current = world.store.releases.current("town")
        assert current is not None and current.number == expected
    with pytest.raises(NotFound, match="no earlier good release"):
        world.releasing.rollback("town", None, "tester")
    world.run(world.releasing.rollback("town", 3, "tester")[1].id)
    assert [release.state for release in world.store.releases.list("town")] == [
        ReleaseState.GOOD,
        ReleaseState.BAD,
        ReleaseState.GOOD,
    ]
