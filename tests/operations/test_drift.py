"""Drift from look to look, on record, and what policies do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import Refused, Unreachable
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.image import ImageState
from stoneware.model.lifecycle import Timer
from stoneware.model.operation import Result
from stoneware.store.tables import images, taints

NAMES = [f"town-web-r1-{n}" for n in range(4)]


def declared(size: int = 4, disks: bool = False, **drift: object) -> DeploymentSpec:
    return spec(size, disks).model_copy(update={"drift": DriftSpec.model_validate(drift)})


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield world
    world.close()


def guarded(world: World, declaration: DeploymentSpec) -> Guard:
    world.run(world.deploy(declaration).id)
    return Guard(world)


def opens_a_port(guard: Guard, name: str) -> None:
    guard.world.engine.meddle_inside(name, listening=("tcp/4444",))


def test_all_is_well_when_nobody_meddles(made: World) -> None:
    guard = guarded(made, declared(disks=True))
    report = guard.check()
    assert (report.drifts, report.notes, report.machines, report.release) == ((), (), 4, 1)
    assert guard.live(200) == []


def test_one_look_is_not_enough_and_what_is_over_is_over(made: World) -> None:
    guard = guarded(made, declared())
    release = made.store.releases.current("town")
    assert release is not None
    opens_a_port(guard, NAMES[0])
    assert guard.drift.look(release).drifts == ()
    began = made.clock.now()
    made.clock.sleep(2)
    [drift] = guard.drift.look(release).drifts
    assert (drift.kind, drift.subject, drift.where, drift.since) == ("inside.port", NAMES[0], "tcp/4444", began)
    made.clock.sleep(60)
    assert [one.since for one in guard.check().drifts] == [began]
    made.engine._meddled.clear()
    assert guard.check().drifts == ()
    assert guard.facts("drift.begin", "drift.end") == [
        f"drift.begin {NAMES[0]} inside.port",
        f"drift.end {NAMES[0]} inside.port",
    ]


def test_what_is_seen_once_and_gone_is_never_told(made: World) -> None:
    guard = guarded(made, declared())
    release = made.store.releases.current("town")
    assert release is not None
    for _ in range(3):
        opens_a_port(guard, NAMES[0])
        assert guard.drift.look(release).drifts == ()
        made.engine._meddled.clear()
        assert guard.drift.look(release).drifts == ()
    assert guard.facts("drift.begin") == []


def test_it_shows_within_one_interval_and_a_new_daemon_remembers_since_when(made: World) -> None:
    guard = guarded(made, declared())
    guard.live(30)
    opens_a_port(guard, NAMES[0])
    assert guard.live(60) == [f"inside.port {NAMES[0]} tcp/4444"]
    since = [one.since for one in made.store.drifts.of("town")]
    guard.open()
    assert [one.since for one in guard.drift.report("town").drifts] == since
    guard.live(5)
    assert [one.since for one in guard.check().drifts] == since
    assert guard.facts("drift.begin") == [f"drift.begin {NAMES[0]} inside.port"]


def test_an_engine_that_is_away_takes_nothing_back(made: World) -> None:
    guard = guarded(made, declared())
    opens_a_port(guard, NAMES[0])
    assert len(guard.check().drifts) == 1
    made.engine.fail_next("list_machines", Unreachable("away"))
    report = guard.drift.look(made.store.releases.currents()[0])
    assert (len(report.drifts), report.notes) == (1, ("away",))
    made.engine.fail_next("attest", Unreachable("deaf"))
    assert any("deaf" in note for note in guard.drift.look(made.store.releases.currents()[0]).notes)


def test_by_default_machines_are_reported_and_left_alone(made: World) -> None:
    guard = guarded(made, declared())
    opens_a_port(guard, NAMES[0])
    guard.live(200)
    assert guard.hospital.by_itself() == []
    assert guard.found() == [f"inside.port {NAMES[0]} tcp/4444"]


def test_replace_makes_the_machine_anew_and_nobody_else(made: World) -> None:
    guard = guarded(made, declared(policy={"inside.port": "replace"}))
    opens_a_port(guard, NAMES[1])
    guard.live(150)
    assert guard.hospital.deaths() == [NAMES[1]]
    [reason] = guard.hospital.by_itself()
    assert reason == f"drifted: {NAMES[1]}: inside.port tcp/4444: listens"
    assert guard.found() == []
    assert guard.facts("drift.begin", "drift.end")[-1] == f"drift.end {NAMES[1]} inside.port"
    assert made.violations == []


def test_replacements_stay_in_the_budget_and_stop_in_a_storm(made: World) -> None:
    guard = guarded(made, declared(size=10, policy={"inside.port": "replace"}))
    names = [f"town-web-r1-{n}" for n in range(10)]
    for name in names[:4]:
        opens_a_port(guard, name)
    guard.live(300)
    assert guard.hospital.deaths() == []
    assert "4 of 10 machines of group web are unwell at once" in guard.hospital.reconcile.notes_of("town")[0]
    made.engine._meddled.pop(names[0])
    guard.live(800)
    assert sorted(guard.hospital.deaths()) == names[1:4]
    assert len(guard.hospital.by_itself()) == 3, "one at a time"
    assert made.violations == []


def test_a_machine_of_a_damaged_image_is_not_made_anew_from_it(made: World) -> None:
    guard = guarded(made, declared(policy={"inside.corrupted": "replace"}))
    digest = made.store.catalog.get("web/1").digest
    guard.damaged[digest] = "layer-0.img was changed"
    root = made.engine.attest(NAMES[0]).inside.layers[0]  # type: ignore[union-attr]
    made.engine.meddle_inside(NAMES[0], layers=(root.model_copy(update={"corrupted": True}),))
    guard.live(150)
    assert guard.hospital.deaths() == []
    assert "made anew from the same image" in guard.hospital.reconcile.notes_of("town")[0]


def test_a_route_that_was_edited_is_set_again(made: World) -> None:
    guard = guarded(made, declared())
    before = made.switch.view("town.play")
    made.switch._routes["town.play"] = made.switch._routes["town.play"].model_copy(update={"active": None})
    guard.live(100)
    assert made.switch.view("town.play") == before
    [reason] = guard.hospital.by_itself()
    assert reason.startswith("routes are set again: play: route.changed active: nobody")
    assert guard.hospital.deaths() == []
    assert guard.found() == []
    made.switch.remove("town.play")
    guard.live(100)
    assert made.switch.view("town.play") == before


def test_a_route_may_be_left_to_people(made: World) -> None:
    guard = guarded(made, declared(policy={"route.missing": "report"}))
    made.switch.remove("town.play")
    guard.live(100)
    assert guard.found() == ["route.missing play"]
    assert guard.hospital.by_itself() == []


def test_quarantine_makes_the_group_anew_first_and_keeps_the_machine(made: World) -> None:
    guard = guarded(made, declared(policy={"inside.written": "quarantine"}))
    made.engine.meddle_inside(NAMES[2], written=("/etc/motd",))
    guard.live(200)
    [operation] = [one for one in made.store.operations.list() if one.actor == "stoneware"]
    assert operation.result is Result.SUCCEEDED
    assert made.fleet() == "town-web-r2"
    assert made.machines()[NAMES[2]] == "RUNNING/SERVING"
    assert made.machines()[NAMES[0]] == "STOPPED/UNKNOWN"
    assert made.violations == []
    report = guard.check()
    assert (report.drifts, report.quarantined) == ((), (NAMES[2],))
    made.publish("web", 2)
    made.run(made.deploy(declared(policy={"inside.written": "quarantine"})).id)
    made.clock.sleep(100_000)
    guard.tidy()
    assert made.machines()[NAMES[2]] == "RUNNING/SERVING", "another rollout and housekeeping leave it alone"
    [kept] = made.store.drifts.quarantined()
    made.store.drifts.release(kept, "ann", "seen enough")
    guard.tidy()
    assert NAMES[2] not in made.machines()
    guard.tidy()
    assert made.store.drifts.quarantined() == []
    verbs = ("machine.quarantine", "quarantine.release", "quarantine.end")
    assert guard.facts(*verbs) == [f"{verb} {NAMES[2]}" for verb in verbs]


def test_a_quarantine_that_failed_is_tried_again_after_a_while_and_keeps_nobody(made: World) -> None:
    guard = guarded(made, declared(policy={"inside.written": "quarantine"}))
    made.engine.meddle_inside(NAMES[2], written=("/etc/motd",))
    made.engine.fail_next("create_machine", Refused("no room"), times=1000)
    guard.live(400)
    [failed] = [one for one in made.store.operations.list() if one.actor == "stoneware"]
    assert failed.result in (Result.REVERTED, Result.FAILED)
    assert "the next waits" in guard.hospital.reconcile.notes_of("town")[-1]
    assert made.machines()[NAMES[2]] == "RUNNING/SERVING"
    assert guard.check().quarantined == (), "it has traffic still"
    made.engine._faults.clear()
    made.clock.sleep(3600)
    guard.live(200)
    last = made.store.operations.list(limit=1)[0]
    assert (last.actor, last.result) == ("stoneware", Result.SUCCEEDED)
    assert guard.check().quarantined == (NAMES[2],)
    assert made.violations == []


def test_many_suspects_at_once_are_not_kept_apart(made: World) -> None:
    guard = guarded(made, declared(policy={"inside.written": "quarantine"}))
    for name in NAMES[:3]:
        made.engine.meddle_inside(name, written=("/etc/motd",))
    guard.live(150)
    assert guard.hospital.by_itself() == []
    assert "none is kept apart" in guard.hospital.reconcile.notes_of("town")[-1]


def test_what_is_ignored_does_not_count_until_its_time_is_over(made: World) -> None:
    ignore = {"kind": "inside.port", "where": "tcp/4444", "reason": "the old exporter", "until": "2023-11-15"}
    guard = guarded(made, declared(ignore=[ignore], policy={"inside.port": "replace"}))
    opens_a_port(guard, NAMES[0])
    guard.live(100)
    [drift] = guard.check().drifts
    assert not drift.counts
    assert drift.ignored == "until 2023-11-15 23:59 UTC: the old exporter"
    assert guard.hospital.by_itself() == []
    made.clock.sleep(2 * 86400)
    [drift] = guard.check().drifts
    assert drift.counts
    assert drift.lapsed == "it was ignored until 2023-11-15 23:59 UTC: the old exporter"


def test_a_machine_that_is_killed_is_on_record_though_it_is_back_before_the_next_look(made: World) -> None:
    guard = guarded(made, declared())
    guard.live(5)
    made.engine.kill_machine(NAMES[0])
    guard.live(20)
    assert made.machines()[NAMES[0]] == "RUNNING/SERVING"
    assert f"drift.begin {NAMES[0]} machine.missing" in guard.facts("drift.begin")
    guard.live(100)
    assert guard.facts("drift.end") == [f"drift.end {NAMES[0]} machine.missing"]
    assert guard.found() == []


def test_another_policy_is_a_change_that_makes_no_machine(made: World) -> None:
    guard = guarded(made, declared())
    made.run(made.deploy(declared(policy={"inside.port": "replace"})).id)
    assert (made.fleet(), guard.hospital.deaths()) == ("town-web-r1", [])
    current = made.store.releases.current("town")
    assert current is not None
    assert current.spec.drift.policy == {"inside.port": "replace"}
    assert guard.found() == []


def test_machines_of_nobody_are_found(made: World) -> None:
    guard = guarded(made, declared())
    made.engine.edit_machine(NAMES[0], name="shadow-web-r1-0", owner="shadow")
    guard.live(40)
    [report] = guard.drift.strangers()
    assert (report.deployment, [one.kind for one in report.drifts]) == ("shadow", ["machine.extra"])
    made.engine.forget_machine("shadow-web-r1-0")
    assert guard.drift.strangers() == []
    assert guard.facts("drift.begin", "drift.end") == [
        "drift.begin shadow-web-r1-0 machine.extra",
        "drift.end shadow-web-r1-0 machine.extra",
    ]


def test_what_was_destroyed_has_no_drift_any_more(made: World) -> None:
    guard = guarded(made, declared())
    opens_a_port(guard, NAMES[0])
    guard.live(70)
    made.run(made.destroy().id)
    guard.live(40)
    assert made.store.drifts.of() == []


def test_what_an_edited_row_puts_right_is_not_told_as_healed(made: World) -> None:
    guard = guarded(made, declared())
    made.store.catalog.revoke("web/1", "ann", "a hole")
    guard.live(100)
    with made.store.db.begin() as conn:
        conn.execute(images.update().values(revoked_at=None, revoked_reason=""))
    guard.live(100)
    assert guard.facts("drift.end") == []
    told = {one.kind: one for one in guard.check().drifts}
    assert set(told) == {"image.changed", "policy.revoked"}
    changed = told["image.changed"]
    assert (changed.subject, changed.where, changed.expected, changed.found) == ("web/1", "revoked", "yes", "no")
    assert told["policy.revoked"].found == "web/1 is OBSOLETE: revoked: a hole"
    made.store.catalog.revoke("web/1", "ann", "still a hole")
    made.store.catalog.reinstate("web/1", "ann", "there was none")
    assert guard.found() == []


def test_what_is_decided_as_it_should_be_is_no_edit(made: World) -> None:
    """Whatever becomes of an image, row and entries say the same of it: also of a moment between two microseconds."""
    guard = guarded(made, declared())
    catalog = made.store.catalog
    catalog.schedule("web/1", {Timer.OBSOLETE: made.clock.now() + 7200.123456789}, "ann")
    catalog.set_state("web/1", ImageState.DEPRECATED, "ann", "old")
    catalog.revoke("web/1", "ann", "a hole")
    assert "image.changed" not in {one.kind for one in guard.check().drifts}
    catalog.reinstate("web/1", "ann", "there was none")
    catalog.schedule("web/1", {Timer.OBSOLETE: None}, "ann")
    assert guard.found() == []


def test_a_taint_that_somebody_deleted_is_told_still_and_only_of_that_machine(made: World) -> None:
    guard = guarded(made, declared())
    [machine] = [one for one in made.engine.list_machines() if one.name == NAMES[0]]
    taint = {"machine": NAMES[0], "made_at": machine.created_at, "deployment": "town", "engine": "fake"}
    made.store.taints.set({**taint, "actor": "ann", "reason": "looking", "source": "shell"})
    with made.store.db.begin() as conn:
        conn.execute(taints.delete())
    [drift] = guard.check().drifts
    assert (drift.kind, drift.subject, drift.found) == ("machine.tainted", NAMES[0], "shell by ann: looking")
    guard.hospital.live(60, 1.0)
    made.engine.kill_machine(NAMES[0])
    guard.live(60)
    assert guard.found() == []
