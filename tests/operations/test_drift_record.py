"""What drift compares with stands in the database, too: whoever edits it there is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.guard import Guard
from tests.support.simulation import World, manifest
from tests.support.specs import spec

from stoneware.errors import Conflict
from stoneware.host.home import Home
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.image import BootTestRecord
from stoneware.operations.checkpoints import Checkpoints
from stoneware.operations.ledger_watch import LedgerWatch
from stoneware.store.tables import (
    deployments,
    drift,
    images,
    operations,
    release_images,
    releases,
    signals,
)

SPOILED: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "another port": lambda body: {**body, "inside": {"vm": {"listening": ["tcp/4444"]}}},
    "no record": lambda _: None,
}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(2)).id)
    yield Guard(world)
    world.close()


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_the_record_of_the_boot_test_is_the_one_that_was_published(
    guard: Guard, spoil: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    assert guard.found() == []
    with guard.world.store.db.begin() as conn:
        before = conn.scalar(sa.select(images.c.boot_test))
        BootTestRecord.model_validate(before)
        conn.execute(images.update().values(boot_test=spoil(before)))
    assert "image.changed web/1 boot-test" in guard.found()
    with guard.world.store.db.begin() as conn:
        conn.execute(images.update().values(boot_test=before))
    assert guard.found() == []


def test_a_ledger_that_does_not_hold_is_drift_until_it_does(guard: Guard, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    watch = LedgerWatch(Checkpoints(guard.world.store, home, guard.world.clock))
    guard.drift.gathering.ledger = watch.problem
    assert guard.found() == []
    watch._next = 0.0  # time goes by
    move(guard, 1)
    assert guard.found() == ["ledger.broken ledger"]
    [drift] = guard.check().drifts
    assert drift.found == "entry 2 was changed"
    move(guard, -1)
    assert guard.found() == []
    assert guard.facts("drift.begin", "drift.end") == [
        "drift.begin ledger ledger.broken",
        "drift.end ledger ledger.broken",
    ]


def test_an_image_that_only_the_way_back_needs_is_looked_after(guard: Guard) -> None:
    world = guard.world
    digest = world.publish("web", 2)
    world.run(world.deploy(spec(2)).id)
    assert guard.found() == []
    before = next(one.digest for one in world.store.catalog.list() if one.digest != digest)
    guard.damaged[before] = "layer-0.erofs isn't what its digest says"
    assert guard.found() == ["image.file web/1"]


GONE: dict[str, tuple[sa.Executable, list[str]]] = {
    "the current release's row": (releases.delete().where(releases.c.number == 2), ["release.changed town#2 row"]),
    "an earlier release's row": (
        releases.delete().where(releases.c.number == 1),
        ["release.changed town#1 row"],
    ),
    "what a release keeps": (
        release_images.delete().where(release_images.c.number == 1),
        ["release.changed town#1 pins"],
    ),
}


@pytest.mark.parametrize(("edit", "expected"), GONE.values(), ids=GONE)
def test_a_row_that_somebody_takes_away_is_told(guard: Guard, edit: sa.Executable, expected: list[str]) -> None:
    guard.world.publish("web", 2)
    guard.world.run(guard.world.deploy(spec(2)).id)
    assert guard.found() == []
    with guard.world.store.db.begin() as conn:
        conn.execute(edit)
    assert guard.found() == expected


def test_who_takes_the_current_release_s_row_away_stops_no_healing(guard: Guard) -> None:
    with guard.world.store.db.begin() as conn:
        conn.execute(releases.delete())
    known = guard.world.store.releases
    current = known.current("town")
    assert current is not None and current.number == 1 and [*known.currents()] == [current]
    guard.world.engine.kill_machine("town-web-r1-0")
    assert "machine.missing town-web-r1-0" in guard.live(60)


NOBODY_S: dict[str, sa.Executable] = {
    "no row": deployments.delete(),
    "nothing is current": deployments.update().values(current=None),
    "one is current that never was": deployments.update().values(current=99),
}


@pytest.mark.parametrize("edit", NOBODY_S.values(), ids=NOBODY_S)
def test_a_deployment_that_nobody_looks_after_is_told_whoever_asks(guard: Guard, edit: sa.Executable) -> None:
    assert guard.live(40) == []
    with guard.world.store.db.begin() as conn:
        conn.execute(edit)
    assert guard.live(40) == ["release.changed town#1 current"]
    assert [guard.found() for _ in range(2)] == [["release.changed town#1 current"]] * 2
    assert guard.facts("drift.end") == []
    assert guard.world.store.releases.next_number("town") == 2


def test_the_end_of_a_ledger_that_was_cut_off_is_missed_at_the_next_look(guard: Guard, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    watch = LedgerWatch(Checkpoints(guard.world.store, home, guard.world.clock))
    guard.drift.gathering.ledger = watch.problem
    assert guard.found() == []
    last, _ = guard.world.store.ledger.end()
    with guard.world.store.db.begin() as conn:
        conn.execute(sa.text("DELETE FROM ledger WHERE seq = :last"), {"last": last})
    assert watch.problem() == f"entry {last} is missing: it was seen here, and the ledger ends with entry {last - 1}"
    assert "ledger.broken ledger" in guard.found()
    assert "was written anew" in watch.problem(), "what drift enters takes its number"
    with pytest.raises(Conflict, match="it was seen here"):
        watch.vouch()


def test_checkpoints_that_were_taken_away_are_missed_at_the_next_look(guard: Guard, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    watch = LedgerWatch(Checkpoints(guard.world.store, home, guard.world.clock))
    watch.vouch()
    assert watch.problem() == ""
    home.checkpoints.unlink()
    assert watch.problem().startswith("checkpoints were taken away: ")


def test_an_image_under_another_name_is_what_was_decided_about_it(guard: Guard) -> None:
    world = guard.world
    [image] = world.store.catalog.list()
    world.store.catalog.revoke(image.digest, "ann", "a hole")
    with world.store.db.begin() as conn:
        conn.execute(images.update().values(family="evil", revoked_at=None, revoked_reason=""))
    found = [one for one in guard.found() if one.startswith("image")]
    assert sorted(found) == ["image.changed web/1 family", "image.changed web/1 revoked"]
    assert "policy.revoked town-web-r1-0 web/1" in guard.found()


FORGED: dict[str, dict[str, Any]] = {
    "one that was never tested": {"state": "ACTIVE", "number": 9},
    "one that is revoked": {"revoked_at": None, "revoked_reason": ""},
}


@pytest.mark.parametrize("edit", FORGED.values(), ids=FORGED)
def test_what_the_catalog_says_against_the_record_is_not_deployed(guard: Guard, edit: dict[str, Any]) -> None:
    world = guard.world
    digest = world.publish("web", 2)
    if "number" in edit:
        digest = world.store.catalog.stage(manifest("web", 3), 1, "ann").digest
    else:
        world.store.catalog.revoke(digest, "ann", "a hole")
    with world.store.db.begin() as conn:
        conn.execute(images.update().where(images.c.digest == digest).values(**edit))
    with pytest.raises(Conflict) as refused:
        world.deploy(spec(2))
    assert refused.value.code == "image-changed"


def test_an_operation_that_nobody_began_is_not_carried_out_and_told(guard: Guard) -> None:
    world, now = guard.world, guard.world.clock.now()
    frame = {"engine": "fake", "services": ["play"], "entered_at": now, "looked_at": now}
    row = {
        "id": "teardown-9",
        "kind": "teardown",
        "subject": "town",
        "open_subject": "town",
        "actor": "eve",
        "reason": "",
    }
    row |= {"created_at": now, "state": "UNROUTING", "state_since": now, "frame": frame, "because": ""}
    with world.store.db.begin() as conn:
        conn.execute(operations.insert().values(**row, wake_at=now, written_at=now))
    while world.step():
        pass
    assert len(world.machines()) == 2
    assert guard.found() == ["operation.forged teardown-9"]
    assert guard.live(180) == ["operation.forged teardown-9"]
    assert guard.found() == []
    dead = world.engine.list_machines("town")[0].name
    world.engine.kill_machine(dead)
    assert guard.live(60) == [f"machine.missing {dead}"]
    assert len(world.machines()) == 2, "a town that somebody wanted to take away is healed all the same"
    world.clock.set(now - 3600)
    assert [one.split()[0] for one in guard.found()] == ["clock.back"]


def test_the_end_of_an_operation_that_never_was_keeps_nobody_from_mending(guard: Guard) -> None:
    world = guard.world
    replaces = DriftSpec.model_validate({"policy": {"inside.written": "replace"}})
    world.run(world.deploy(spec(2).model_copy(update={"drift": replaces})).id)
    now = world.clock.now()
    row = {"kind": "rollout", "subject": "town", "actor": "stoneware", "reason": "", "state": "PREPARING", "frame": {}}
    row |= {"created_at": now, "state_since": now, "because": "", "wake_at": now, "written_at": now}
    ended = {"id": "rollout-9", "result": "FAILED", "ended_at": now + 1e9}
    with world.store.db.begin() as conn:
        conn.execute(operations.insert().values(**row, **ended))
    machine = world.engine.list_machines("town")[0].name
    world.engine.meddle_inside(machine, written=("/etc/motd",))
    made_at = {one.name: one.created_at for one in world.engine.list_machines("town")}[machine]
    assert set(guard.live(120)) == {"operation.forged rollout-9", f"inside.written {machine} /etc/motd"}
    assert {one.name: one.created_at for one in world.engine.list_machines("town")}[machine] > made_at


def test_a_word_that_nobody_said_approves_nothing(guard: Guard) -> None:
    world = guard.world
    world.publish("web", 2)
    operation = world.deploy(spec(2, approval=True)).id
    for _ in range(3000):
        if world.store.operations.get(operation).state == "AWAITING_APPROVAL":
            break
        world.step()
    word = {"kind": "approve", "actor": "eve", "reason": "", "at": world.clock.now()}
    with world.store.db.begin() as conn:
        conn.execute(signals.insert().values(operation=operation, body=word))
        conn.execute(operations.update().where(operations.c.id == operation).values(wake_at=0))
    for _ in range(50):
        world.step()
    assert world.store.operations.get(operation).state == "AWAITING_APPROVAL"
    assert guard.found() == [f"operation.forged {operation}"]


def test_drift_that_ended_says_so_whoever_took_its_row_away(guard: Guard) -> None:
    world = guard.world
    before = world.engine.list_machines("town")[0].memory_bytes
    world.engine.edit_machine("town-web-r1-0", memory_bytes=2**33)
    assert guard.found() == ["machine.size town-web-r1-0"]
    with world.store.db.begin() as conn:
        conn.execute(drift.delete())
    world.engine.edit_machine("town-web-r1-0", memory_bytes=before)
    assert guard.found() == []
    assert [one.split()[0] for one in guard.facts("drift.begin", "drift.end")] == ["drift.begin", "drift.end"]


def move(guard: Guard, seconds: int) -> None:
    with guard.world.store.db.begin() as conn:
        conn.execute(sa.text("UPDATE ledger SET at = at + :by WHERE seq = 2"), {"by": seconds})
