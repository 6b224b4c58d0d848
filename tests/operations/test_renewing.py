"""Machines that got too old are made again by a rollout to the same images: one deployment at a time, without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hospital import Hospital
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.finding import Capacity
from stoneware.model.operation import OperationRecord, Result
from stoneware.operations.renewing import PAUSE_S

DAY = 86400.0


def aged(listen: str = "127.0.0.1:8080", **rollout: object) -> DeploymentSpec:
    declared = spec(**rollout).model_dump(mode="json")
    declared["groups"]["web"]["max_age"] = "30d"
    declared["services"]["play"]["listen"] = listen
    return DeploymentSpec.model_validate(declared)


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Hospital]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(aged()).id)
    hospital = Hospital(world)
    yield hospital
    assert world.violations == []
    world.close()


def renew(ward: Hospital) -> OperationRecord:
    ward.world.clock.sleep(31 * DAY)
    [renewal] = ward.live(60)
    return ward.ended(renewal)


def test_old_machines_are_replaced_by_new_ones_of_the_same_image(ward: Hospital) -> None:
    ward.world.clock.sleep(29 * DAY)
    assert ward.live(5) == []
    ward.world.clock.sleep(2 * DAY)
    [renewal] = ward.live(60)
    end = ward.ended(renewal)
    assert (end.result, end.actor, end.reason) == (Result.SUCCEEDED, "stoneware", "web is older than 30d")
    current = ward.world.store.releases.current("town")
    assert current is not None
    assert (current.number, current.groups["web"].image, current.groups["web"].fleet) == (2, "web/1", 2)
    assert ward.world.fleet() == "town-web-r2"
    assert ward.live(60) == []
    assert ward.world.releasing.plan("town", aged(), "ann")[1].changes is False


def test_nobody_is_asked_for_approval_of_what_runs_already(ward: Hospital) -> None:
    ward.world.run(ward.world.deploy(aged(approval=True)).id)
    assert renew(ward).result is Result.SUCCEEDED


def test_a_rollback_leads_to_another_version_not_to_the_older_machines(ward: Hospital) -> None:
    ward.world.publish("web", 2)
    ward.world.run(ward.world.deploy(aged()).id)
    assert renew(ward).result is Result.SUCCEEDED
    assert ward.world.releasing.plan_rollback("town", None).release == 1


def test_one_that_fails_is_not_tried_again_at_once(ward: Hospital) -> None:
    ward.world.clock.sleep(31 * DAY)
    ward.live(1)
    [renewal] = ward.started
    for name in ("town-web-r2-0", "town-web-r2-1"):
        ward.world.engine.sick.add(name)
    ward.live(700)
    assert ward.ended(renewal).result is Result.REVERTED
    assert ward.world.fleet() == "town-web-r1"
    ward.live(PAUSE_S - 600, every=30)
    assert len(ward.started) == 1
    ward.live(1200, every=30)
    assert len(ward.started) == 2


def test_a_revoked_image_starts_nothing_new(ward: Hospital) -> None:
    ward.world.store.catalog.revoke("web/1", "eve", "CVE-1")
    ward.world.clock.sleep(31 * DAY)
    assert ward.live(10) == []


def test_deployments_take_their_turns(ward: Hospital) -> None:
    other = ward.world.deploy(aged("127.0.0.1:8081"), "village")
    ward.world.run(other.id)
    ward.world.clock.sleep(31 * DAY)
    ward.live(1)
    [first] = ward.started
    while ward.ended(first).result is None:
        assert ward.live(1) == [] or ward.ended(first).result is not None
    ward.live(60)
    assert [ward.ended(one).result for one in ward.started] == [Result.SUCCEEDED] * 2
    assert {one.subject for one in ward.started} == {"town", "village"}


def test_sick_machines_come_first(ward: Hospital) -> None:
    ward.world.engine.sick.add("town-web-r1-0")
    ward.live(3)
    assert ward.started == []
    ward.world.clock.sleep(31 * DAY)
    with ward.cured_when_made_anew():
        ward.live(100)
    assert [why.split(":")[0] for why in ward.by_itself()] == ["sick", "web is older than 30d"]


@pytest.mark.parametrize(
    "rollout",
    [
        {"strategy": "blue_green"},
        {"strategy": "canary", "steps": [{"share": 10, "duration": "2h", "approval": True}]},
        {"strategy": "rolling", "surge": 0, "unavailable": 1},
    ],
    ids=["blue_green", "canary", "rolling"],
)
def test_they_take_turns_whatever_way_a_new_version_goes(ward: Hospital, rollout: dict[str, object]) -> None:
    three = aged(**rollout).model_dump(mode="json")
    three["groups"]["web"]["size"] = 3
    ward.world.run(ward.world.deploy(DeploymentSpec.model_validate(three)).id)
    most, least = 3, 3
    ward.world.clock.sleep(31 * DAY)
    for _ in range(240):
        ward.live(0.5, every=0.5)
        running = [name for name, how in ward.world.machines().items() if how.startswith("RUNNING")]
        serving = [name for name, how in ward.world.machines().items() if how == "RUNNING/SERVING"]
        most, least = max(most, len(running)), min(least, len(serving))
    [renewal] = ward.started
    assert ward.ended(renewal).result is Result.SUCCEEDED
    assert ward.world.fleet().startswith("town-web-r")
    assert all(name.startswith(ward.world.fleet()) for name in running)
    assert (most, least) == ((4, 3) if rollout["strategy"] != "rolling" else (3, 2))


def test_those_without_room_wait_and_say_so(ward: Hospital) -> None:
    each = ward.world.engine.list_machines("town")[0].memory_bytes
    ward.world.engine.host = Capacity(memory_bytes=2 * each)
    ward.world.clock.sleep(31 * DAY)
    assert ward.live(60) == []
    [note] = ward.reconcile.notes_of("town")
    assert note.startswith("web is older than 30d, and waits: release 2 of town needs ")
    ward.world.engine.host = Capacity(memory_bytes=3 * each)
    [renewal] = ward.live(60)
    assert ward.ended(renewal).result is Result.SUCCEEDED, "one more machine at a time is enough"
    assert ward.reconcile.notes_of("town") == ()


def test_those_with_disks_go_together(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    declared = aged().model_dump(mode="json")
    declared["groups"]["web"]["disks"] = {"data": {"size": "1GiB", "mount": "/var/lib/app"}}
    world.run(world.deploy(DeploymentSpec.model_validate(declared)).id)
    assert renew(Hospital(world)).result is Result.SUCCEEDED
    assert {disk.writer for disk in world.engine.list_disks("town")} == {"town-web-r2-0", "town-web-r2-1"}
    assert world.violations == []
    world.close()
