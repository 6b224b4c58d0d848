"""What simulated histories have found, each as short as it can be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import LeaseLost, Misconfigured, Unreachable
from stoneware.model.deployment import DeploymentSpec, ServiceSpec
from stoneware.model.finding import Capacity
from stoneware.model.machine import Power
from stoneware.model.operation import Result, Signal, SignalKind
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.watch import Watch
from stoneware.store.operations import Operations


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield world
    world.close()


def with_services(declared: DeploymentSpec, *names: str) -> DeploymentSpec:
    """The same declaration with other traffic entries, all to its one group."""
    entries = {
        name: ServiceSpec(group="web", port=80, listen=f"127.0.0.1:{8080 + number}")
        for number, name in enumerate(names)
    }
    return declared.model_copy(update={"services": entries})


def test_disks_come_back_to_machines_that_no_service_leads_to(world: World) -> None:
    declared = with_services(spec(disks=True, hold_limit="4s"))
    world.run(world.deploy(declared).id)
    world.engine.sick.add(world.publish("web", 2))
    assert world.run(world.deploy(declared).id).result is Result.REVERTED
    assert {disk.writer for disk in world.engine.list_disks()} == {"town-web-r1-0", "town-web-r1-1"}
    assert set(world.machines().values()) == {"RUNNING/SERVING"}


def test_a_new_service_may_lead_to_machines_that_wait_for_disks(world: World) -> None:
    world.run(world.deploy(spec(disks=True)).id)
    world.publish("web", 2)
    end = world.run(world.deploy(with_services(spec(disks=True), "play", "admin")).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet("town.admin") == "town-web-r2"


def test_a_service_that_ends_gives_nothing_to_machines_that_lose_their_disks(world: World) -> None:
    world.run(world.deploy(with_services(spec(disks=True), "play", "admin")).id)
    world.publish("web", 2)
    gone_at: list[bool] = []
    world.watch = lambda when, verb, name: (
        gone_at.append("town.admin" in world.switch.services())
        if (
            when,
            verb,
        )
        == ("before", "quiesce_machine")
        else None
    )
    assert world.run(world.deploy(with_services(spec(disks=True), "play")).id).result is Result.SUCCEEDED
    assert gone_at
    assert not any(gone_at)


def test_a_daemon_that_was_away_on_the_way_back_tries_before_it_gives_up(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.engine.never_boots.add(world.publish("web", 2))
    operation = world.deploy(spec(progress_deadline="5s")).id
    while world.store.operations.get(operation).state != "DISCARDING":
        world.step()
    world.clock.sleep(3600)
    assert world.run(operation).result is Result.REVERTED
    assert set(world.machines()) == {"town-web-r1-0", "town-web-r1-1"}


def test_what_a_stuck_rollout_left_ends_with_the_next_one(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.engine.never_boots.add(world.publish("web", 2))
    stuck = world.deploy(spec(progress_deadline="5s")).id
    while world.store.operations.get(stuck).state != "DISCARDING":
        world.step()
    world.engine.fail_next("delete_machine", Unreachable("away"), times=1000)
    assert world.run(stuck).result is Result.STUCK
    world.engine._faults.clear()
    world.publish("web", 3)
    assert world.run(world.deploy(spec()).id).result is Result.SUCCEEDED
    running = {m.name for m in world.engine.everything() if m.power is Power.RUNNING}
    assert running == {"town-web-r3-0", "town-web-r3-1"}


def test_a_hold_that_was_left_is_not_ended_by_looking_ahead(world: World) -> None:
    """Preparing the next pool leaves requests waiting where they wait: nobody is behind the present one."""
    world.run(world.deploy(spec(disks=True)).id)
    held = world.switch._routes["town.play"].model_copy(update={"held": True})
    world.switch.apply(held)
    for name in ("town-web-r1-0", "town-web-r1-1"):
        world.engine.kill_machine(name)
    world.publish("web", 2)
    operation = world.deploy(spec(disks=True)).id
    while world.store.operations.get(operation).state != "VERIFYING":
        world.step()
    world.step()
    view = world.switch.read("town.play")
    assert view is not None
    assert view.held
    assert world.run(operation).result is Result.SUCCEEDED
    assert world.violations == []


def test_a_step_that_loses_its_lease_at_a_note_gives_the_lease_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gave the operation up waits for that lease."""
    operation = world.deploy(spec()).id
    note = Operations.note

    def losing(self: Operations, *given: object) -> None:
        monkeypatch.setattr(Operations, "note", note)
        world.destroy()
        raise LeaseLost("it was given up")

    monkeypatch.setattr(Operations, "note", losing)
    while world.store.operations.get(operation).result is None:
        world.step()
    assert world.store.operations.held_until(operation) <= world.clock.now()


def test_a_teardown_tries_again_what_is_refused_now(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.switch.fail_next("remove", Misconfigured("no room"), times=2)
    assert world.run(world.destroy().id).result is Result.SUCCEEDED
    assert world.machines() == {}


def test_nobody_wants_back_what_got_stuck_while_it_was_destroyed(world: World) -> None:
    world.run(world.deploy(spec()).id)
    operation = world.destroy().id
    world.engine.fail_next("delete_machine", Unreachable("away"), times=1000)
    assert world.run(operation).result is Result.STUCK
    world.engine.kill_machine("town-web-r1-0")
    assert Reconcile(world.store, world.platforms, world.clock, Watch(world.clock)).run() == []


def test_a_clock_that_is_set_back_in_the_middle_of_a_step_delays_nothing(world: World) -> None:
    operation = world.deploy(spec()).id
    world.step()
    record = world.store.operations.claim("sim/0", 30.0)
    assert record is not None
    decided = world.clock.now()
    world.clock.set(decided - 3600)
    frame = world.runner.procedures["rollout"].frame_type.model_validate(record.frame)
    world.store.operations.commit(
        record, state=record.state, frame=frame, because="", wake_at=decided + 1, text=None, decided_at=decided
    )
    assert world.store.operations.claim("sim/0", 30.0) is not None
    assert world.store.operations.get(operation).result is None


def test_a_rolling_update_waits_for_its_turn_to_boot(world: World) -> None:
    """What can't boot yet is no progress: it neither keeps the worker busy nor gives the state more time."""
    world.engine.host = Capacity(boots=1)
    world.engine.slow[world.publish("other", 2)] = 20.0
    world.run(world.deploy(spec(strategy="rolling")).id)
    world.publish("web", 3)
    world.deploy(with_services(spec(image="other")), "mill")
    assert world.run(world.deploy(spec(strategy="rolling")).id, most=2000).result is Result.SUCCEEDED


def test_it_is_on_record_that_two_versions_answer(world: World) -> None:
    world.run(world.deploy(spec(strategy="rolling")).id)
    world.publish("web", 2)
    operation = world.deploy(spec(strategy="rolling")).id
    world.run(operation)
    facts = [e.fact for e in world.store.ledger.entries(limit=1000) if e.fact.details.get("operation") == operation]
    assert [fact.verb for fact in facts if fact.subject == "town.play"] == ["route.mix", "route.switch"]


def test_shares_and_a_baseline_are_never_more_than_all(world: World) -> None:
    world.run(world.deploy(spec(size=1)).id)
    world.publish("web", 2)
    seen = []
    world.watch = lambda when, verb, name: (
        seen.append(world.switch.view(name)) if (when, verb) == ("after", "apply") else None
    )
    steps = [{"share": 99, "duration": "2s"}]
    operation = world.deploy(spec(size=1, strategy="canary", steps=steps, baseline=True)).id
    assert world.run(operation).result is Result.SUCCEEDED
    shared = [sorted(view.shares.values()) for view in seen if view and view.shares]
    assert [1, 99] in shared
    assert all(sum(shares) <= 100 for shares in shared)


def test_machines_that_are_warm_come_in_their_turn(world: World) -> None:
    """A way back leaves what it found, stopped; a rolling update to it starts no more of them at once than may be added."""
    world.run(world.deploy(spec(size=3)).id)
    world.publish("web", 2)
    world.run(world.deploy(spec(size=3, strategy="rolling")).id)
    world.run(world.releasing.rollback("town", None, "tester")[1].id)
    most = 0

    def count(when: str, verb: str, name: str) -> None:
        nonlocal most
        if (when, verb) == ("after", "start_machine"):
            most = max(most, sum(machine.power is Power.RUNNING for machine in world.engine.everything()))

    world.watch = count
    assert world.run(world.deploy(spec(size=3, strategy="rolling")).id).result is Result.SUCCEEDED
    assert most == 4


def test_a_new_service_may_lead_to_machines_that_take_turns(world: World) -> None:
    world.run(world.deploy(spec(strategy="rolling")).id)
    world.publish("web", 2)
    end = world.run(world.deploy(with_services(spec(strategy="rolling"), "play", "admin")).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet("town.admin") == "town-web-r2"


def test_a_service_that_ends_leads_to_nobody_who_makes_way(world: World) -> None:
    world.run(world.deploy(with_services(spec(strategy="rolling"), "play", "admin")).id)
    world.publish("web", 2)
    there_at: list[bool] = []
    world.watch = lambda when, verb, name: (
        there_at.append("town.admin" in world.switch.services()) if (when, verb) == ("before", "stop_machine") else None
    )
    assert world.run(world.deploy(spec(strategy="rolling")).id).result is Result.SUCCEEDED
    assert there_at
    assert not any(there_at)


def test_a_service_that_leads_elsewhere_takes_no_turns(world: World) -> None:
    """Its old machines answer until its new ones, of another group, have its traffic."""
    both = spec(strategy="rolling")
    both = both.model_copy(update={"groups": {**both.groups, "api": both.groups["web"]}})
    world.run(world.deploy(both).id)
    world.publish("web", 2)
    elsewhere = both.services["play"].model_copy(update={"group": "api"})
    ended: list[str] = []

    def look(when: str, verb: str, name: str) -> None:
        view = world.switch.view("town.play")
        if (when, verb) == ("before", "stop_machine") and view and view.active:
            ended.extend(name for member in view.pools[view.active].members if member.machine == name)

    world.watch = look
    end = world.run(world.deploy(both.model_copy(update={"services": {"play": elsewhere}})).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet() == "town-api-r2"
    assert ended == []


def test_who_recreates_machines_takes_the_time_that_they_take_to_boot(world: World) -> None:
    """Longer than requests may be held: the switch that comes after has time of its own."""
    declared = spec(strategy="recreate", hold_limit="10s")
    world.run(world.deploy(declared).id)
    world.engine.slow[world.publish("web", 2)] = 12.0
    end = world.run(world.deploy(declared).id)
    assert end.result is Result.SUCCEEDED, end.because


def test_a_sick_baseline_speaks_against_the_old_version_only(world: World) -> None:
    """A person who is asked about the new one finds it waiting."""
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    steps = [{"share": 50, "duration": "2s", "approval": True}]
    operation = world.deploy(spec(strategy="canary", steps=steps, baseline=True)).id
    while world.store.operations.get(operation).state != "AWAITING_APPROVAL":
        world.step()
    world.engine.sick.update(name for name in world.machines() if "-base-" in name)
    until = world.clock.now() + 20
    while world.clock.now() < until and world.step():
        pass
    assert world.store.operations.get(operation).state == "AWAITING_APPROVAL"
    world.store.operations.signal(operation, Signal(kind=SignalKind.APPROVE, actor="ann", at=world.clock.now()))
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_machine_that_died_with_its_disk_stands_in_nobodys_way(world: World) -> None:
    """Found by real kills: of a fleet that was recreated, only what ran was asked for its disks on the way back."""
    declared = spec(disks=True, strategy="recreate")
    world.run(world.deploy(declared).id)
    world.publish("web", 2)
    rollout = world.deploy(declared)
    while world.store.operations.get(rollout.id).state != "SOAKING":
        world.step()
    world.engine.kill_machine("town-web-r2-1")
    assert world.run(rollout.id).result is Result.REVERTED
    assert {disk.writer for disk in world.engine.list_disks()} == {"town-web-r1-0", "town-web-r1-1"}


def test_a_release_whose_rollout_gave_way_to_a_destruction_that_failed_is_judged(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    world.deploy(spec())
    world.step()
    destroyed = world.destroy()
    world.store.operations.signal(destroyed.id, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    assert world.run(destroyed.id).result is Result.STUCK
    assert [release.state for release in world.store.releases.list("town")] == ["GOOD", "BAD"]


def test_turns_are_taken_where_nobody_has_the_traffic_any_more(world: World) -> None:
    """A destroy was turned back when the route was gone: there was no pool in which a new machine could have been seen."""
    declared = spec(strategy="rolling")
    world.run(world.deploy(declared).id)
    destroyed = world.destroy()
    while world.switch.view("town.play") is not None:
        world.step()
    world.store.operations.signal(destroyed.id, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    assert world.run(destroyed.id).result is Result.STUCK
    world.publish("web", 2)
    end = world.run(world.deploy(declared).id)
    assert end.result is Result.SUCCEEDED, end.because
    assert world.fleet() == "town-web-r2"
