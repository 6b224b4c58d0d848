"""Data on disks through rollouts: snapshots before a hand-over, and versions that can't read each other's data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import Refused
from stoneware.model.image import StateSchema
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.table import deadline_of
from stoneware.store.tables import disk_schemas

DISK = "town-web-data-0"
FIRST = StateSchema(reads=(1,), writes=1)
SECOND = StateSchema(reads=(1, 2), writes=2)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def run(world: World, **rollout: object) -> OperationRecord:
    return world.run(world.deploy(spec(size=1, disks=True, **rollout)).id)


def first(world: World, says: StateSchema | None = FIRST) -> None:
    world.publish("web", 1, says)
    assert run(world).result is Result.SUCCEEDED
    world.engine.write(DISK, "fox")


def second(world: World, says: StateSchema | None = SECOND, sick: bool = False) -> None:
    digest = world.publish("web", 2, says)
    if sick:
        world.engine.sick.add(digest)


def schema(world: World) -> int | None:
    return world.store.disk_schemas.of([DISK])[DISK]


def taken(world: World) -> list[tuple[str, int | None, int | None]]:
    return [(one.name, one.data_schema, one.release) for one in world.engine.list_snapshots("town")]


def test_a_switch_has_time_even_when_the_hold_was_spent_before_it(world: World) -> None:
    """The new machines were well at the last moment: one switch ends the hold, the way back would take as long again."""
    first(world)
    release = world.store.releases.get("town", 1)
    spent = RolloutFrame(target=1, held_since=1000.0, entered_at=1031.0)  # of 30 s, half of hold_limit
    soon = spent.model_copy(update={"entered_at": 1010.0})
    assert deadline_of("SHIFTING", release, soon) == deadline_of("HANDING_OVER", release, soon) == 20
    assert deadline_of("SHIFTING", release, spent) == 3
    assert deadline_of("HANDING_OVER", release, spent) == 0


def test_a_snapshot_is_taken_before_requests_are_held(world: World) -> None:
    first(world, None)
    second(world, None)
    operation = world.deploy(spec(size=1, disks=True)).id
    while (now := world.store.operations.get(operation)).state != "HOLDING":
        world.step()
    assert taken(world) == [(f"{DISK}-{operation}", None, 2)]
    assert now.frame["held_since"] is None
    assert world.run(operation).result is Result.SUCCEEDED
    world.engine.write(DISK, "owl")
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox", "town-web-r2-0", "owl")


def test_none_is_taken_where_that_is_declared_or_nothing_moves(world: World) -> None:
    first(world, None)
    assert run(world, bake_time="1s").result is Result.SUCCEEDED  # nothing but a setting
    second(world, None)
    assert run(world, snapshot=False).result is Result.SUCCEEDED
    assert taken(world) == []


def test_a_snapshot_of_a_rollout_that_touched_no_disk_goes_with_it(world: World) -> None:
    first(world, None)
    second(world, None)
    operation = world.deploy(spec(size=1, disks=True)).id
    while world.store.operations.get(operation).state != "HOLDING":
        world.step()
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    assert world.run(operation).result is Result.REVERTED
    assert taken(world) == []


def test_no_room_for_a_snapshot_leads_back_while_the_old_machines_serve(world: World) -> None:
    first(world, None)
    second(world, None)
    world.engine.fail_next("snapshot_disk", Refused("there is no room"))
    end = run(world)
    assert (end.result, "no room" in end.because) == (Result.REVERTED, True)
    assert "hold" not in " ".join(line.text for line in world.store.operations.journal(end.id))
    assert world.machines() == {"town-web-r1-0": "RUNNING/SERVING"}


def test_the_schema_of_the_data_follows_who_may_write(world: World) -> None:
    first(world)
    assert schema(world) == 1
    second(world)
    assert run(world, on_failure="restore_snapshot").result is Result.SUCCEEDED
    assert schema(world) == 2
    facts = [e.fact for e in world.store.ledger.entries(limit=1000) if e.fact.verb == "disk.schema"]
    assert [(fact.subject, fact.details["schema"]) for fact in facts] == [(DISK, "1"), (DISK, "2")]


def test_a_rollout_without_a_way_back_is_refused_before_anything_starts(world: World) -> None:
    first(world)
    second(world)
    with pytest.raises(Refused, match="would leave schema 2") as refusal:
        run(world)
    assert "on_failure: restore_snapshot" in refusal.value.next_step
    assert len(world.store.releases.list("town")) == 1
    assert sorted(world.machines()) == ["town-web-r1-0"]


def test_an_old_version_that_reads_the_new_data_needs_no_word(world: World) -> None:
    first(world, StateSchema(reads=(1, 2), writes=1))
    second(world, sick=True)
    assert run(world).result is Result.REVERTED
    assert (schema(world), world.engine.content(DISK)[:2]) == (2, ("town-web-r1-0", "fox"))
    assert "town-web-r2-0" in world.engine.content(DISK), "what it wrote stays"


def test_the_way_back_restores_what_was_declared_to_be_lost(world: World) -> None:
    first(world)
    second(world, sick=True)
    end = run(world, on_failure="restore_snapshot")
    assert end.result is Result.REVERTED, end.because
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox", "town-web-r1-0")
    assert schema(world) == 1
    assert world.machines() == {"town-web-r1-0": "RUNNING/SERVING"}
    assert [name for name, _, _ in taken(world)] == [f"{DISK}-{end.id}"]


def test_a_rollback_to_what_cannot_read_the_data_names_the_snapshot_and_the_command(world: World) -> None:
    first(world)
    second(world)
    operation = run(world, on_failure="restore_snapshot").id
    world.engine.write(DISK, "owl")
    with pytest.raises(Refused, match="reads schema 1, and the data has schema 2") as refusal:
        world.releasing.rollback("town", None, "ann")
    assert f"{DISK}-{operation} (schema 1" in refusal.value.next_step
    assert "--restore-data" in refusal.value.next_step
    plan = world.releasing.plan_rollback("town", None, restore_data=True)
    assert any(DISK in warning for warning in plan.warnings)
    _, back = world.releasing.rollback("town", None, "ann", seen=plan, restore_data=True)
    assert world.run(back.id).result is Result.SUCCEEDED
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox", "town-web-r1-0")
    assert schema(world) == 1
    assert (f"{DISK}-{back.id}", 2, 1) in taken(world), "what was written since is kept"


@pytest.mark.parametrize("edit", [disk_schemas.update().values(data_schema=1), disk_schemas.delete()])
def test_an_edited_row_lets_nobody_at_data_that_it_cannot_read(world: World, edit: sa.Executable) -> None:
    first(world)
    second(world)
    run(world, on_failure="restore_snapshot")
    with world.store.db.begin() as conn:
        conn.execute(edit)
    assert schema(world) == 2
    with pytest.raises(Refused, match="reads schema 1, and the data has schema 2"):
        world.releasing.rollback("town", None, "ann")


def test_a_rollback_with_data_that_fails_gives_everything_back(world: World) -> None:
    first(world)
    second(world)
    run(world, on_failure="restore_snapshot")
    world.engine.write(DISK, "owl")
    world.engine.sick.add(world.store.catalog.get("web/1").digest)
    _, back = world.releasing.rollback("town", None, "ann", restore_data=True)
    assert world.run(back.id).result is Result.REVERTED
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox", "town-web-r2-0", "owl", "town-web-r2-0")
    assert (schema(world), world.fleet()) == (2, "town-web-r2")


def test_a_deploy_onto_disks_that_stayed_is_gated_too(world: World) -> None:
    first(world)
    second(world)
    operation = run(world, on_failure="restore_snapshot").id
    world.run(world.destroy().id)
    with pytest.raises(Refused, match="can't use the data") as refusal:
        world.deploy(spec(size=1, disks=True, image="web/1"))
    assert f"`stoneware disk restore {DISK} {DISK}-{operation}`" in refusal.value.next_step


def test_images_that_say_nothing_are_not_stopped(world: World) -> None:
    first(world)
    second(world, None)
    assert run(world).result is Result.SUCCEEDED
    assert schema(world) == 1


def apart(world: World) -> list[str]:
    """What a rehearsal has made, and is there still."""
    owner = "town.rehearsal"
    return [one.name for one in (*world.engine.list_machines(owner), *world.engine.list_disks(owner))]


def test_a_rehearsal_runs_on_a_copy_and_leaves_nothing(world: World) -> None:
    first(world)
    second(world)
    operation = world.deploy(spec(size=1, disks=True, rehearse=True, on_failure="restore_snapshot")).id
    while world.store.operations.get(operation).state != "HOLDING":
        world.step()
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox")
    done = [name for verb, name in world.engine.effects if verb in ("create_machine", "clone_disk", "delete_disk")]
    assert done[-3:] == [f"{DISK}-{operation}:{operation}-web-0", f"{operation}-web", f"{operation}-web-0"]
    assert apart(world) == []
    assert world.run(operation).result is Result.SUCCEEDED


def test_a_rehearsal_that_fails_leads_back_before_anything_is_held(world: World) -> None:
    first(world)
    second(world)
    world.engine.sick.add("rollout-2-web")
    end = run(world, rehearse=True, progress_deadline="20s", on_failure="restore_snapshot")
    assert (end.result, "rehearsal: waiting for health" in end.because) == (Result.REVERTED, True)
    assert (apart(world), taken(world), schema(world)) == ([], [], 1)
    assert world.engine.content(DISK) == ("town-web-r1-0", "fox")


def test_destroying_takes_a_rehearsal_with_it(world: World) -> None:
    first(world)
    second(world)
    operation = world.deploy(spec(size=1, disks=True, rehearse=True, on_failure="restore_snapshot")).id
    while not apart(world):
        world.step()
    world.run(world.destroy().id)
    assert world.store.operations.get(operation).result is not None
    assert apart(world) == []
