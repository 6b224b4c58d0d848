"""A release whose row somebody edited: it is told, and nobody does what the row says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.decide.altered import altered
from stoneware.errors import Refused
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.operation import Result
from stoneware.model.release import Release
from stoneware.store.store import Store
from stoneware.store.tables import deployments, releases

NAMES = [f"town-web-r1-{n}" for n in range(4)]
FOREVER = {"reason": "none of your business", "until": "2099-01-01T00:00:00Z"}


def declared(**drift: object) -> DeploymentSpec:
    return spec(4).model_copy(update={"drift": DriftSpec.model_validate(drift)})


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(declared(policy={"inside.port": "replace"})).id)
    yield Guard(world)
    world.close()


def test_who_read_what_was_current_a_moment_ago_calls_nobody_an_editor(guard: Guard) -> None:
    world = guard.world
    before = world.store.releases.current("town")
    assert before is not None
    world.publish("web", before.number + 1)
    world.run(world.deploy(spec(2)).id)
    after = world.store.releases.current("town")
    assert after is not None and after.number > before.number
    assert world.store.releases.otherwise_on_record(before) is None
    assert world.store.releases.otherwise_on_record(after) is None


def test_a_row_that_says_that_another_release_is_current_is_told_and_enforced_by_nobody(guard: Guard) -> None:
    world = guard.world
    world.publish("web", 2)
    world.run(world.deploy(declared()).id)
    with world.store.db.begin() as conn:
        conn.execute(deployments.update().values(current=1))
    known = len(world.store.operations.list())
    for anew in (False, True):
        if anew:
            guard.open()  # a daemon that knows nothing from before
        found = guard.live(70, 5.0)
        assert "release.changed town#1 current" in found
        assert len(world.store.operations.list()) == known
        assert world.fleet() == "town-web-r2"
    notes = guard.hospital.reconcile.notes_of("town")
    assert notes == ("release 2 is current on record, and a row says 1",)
    world.publish("web", 3)
    assert world.run(world.deploy(declared()).id).result is Result.SUCCEEDED
    assert not any("release.changed" in one for one in guard.live(70, 5.0)[-1:])
    assert guard.found() == []


def edit(store: Store, change: Callable[[dict[str, Any]], object], number: int = 1) -> None:
    one = releases.c.number == number
    with store.db.begin() as conn:
        body = conn.scalar(sa.select(releases.c.body).where(one))
        assert body is not None
        change(body)
        conn.execute(releases.update().where(one).values(body=json.loads(json.dumps(body))))


def listens_elsewhere(body: dict[str, Any]) -> None:
    body["spec"]["services"]["play"]["listen"] = "127.0.0.1:18599"


def is_made_otherwise(body: dict[str, Any]) -> None:
    body["groups"]["web"]["spec"] |= {"config": {"DEBUG": "1"}, "machine": {"cpus": 3, "memory": "4GiB"}}


def lets_everything_pass(body: dict[str, Any]) -> None:
    kinds = ("inside.port", "release.changed")
    body["spec"]["drift"] |= {"ignore": [{"kind": kind, **FOREVER} for kind in kinds], "interval": "1d"}


EDITS = {
    "where it listens": (listens_elsewhere, "spec.services.play.listen"),
    "what its machines are made of": (is_made_otherwise, "groups.web.spec.config.DEBUG"),
    "what is let pass": (lets_everything_pass, "spec.drift.ignore"),
    "a group less": (lambda body: body["groups"].clear(), "groups.web"),
    "who made it": (lambda body: body.update(actor="nobody"), "actor"),
    "everything": (lambda body: body.clear(), "groups"),
}


@pytest.mark.parametrize(("change", "place"), EDITS.values(), ids=EDITS)
def test_whatever_was_edited_is_told_and_nothing_is_enforced(
    guard: Guard, change: Callable[[dict[str, Any]], object], place: str
) -> None:
    world = guard.world
    before, route = world.machines(), world.switch.view("town.play")
    edit(world.store, change)
    guard.open()
    assert guard.live(100) == ["release.changed town#1"]
    [drift] = guard.check().drifts
    assert (drift.severity, drift.counts) == ("critical", True)
    assert place in drift.found
    assert "deploy town again" in drift.remedy
    assert (world.machines(), world.switch.view("town.play")) == (before, route)
    assert guard.hospital.by_itself() == []


def test_the_values_stay_untold(guard: Guard) -> None:
    edit(guard.world.store, lambda body: body["groups"]["web"]["spec"].update(config={"TOKEN": "hunter2"}))
    [drift] = guard.check().drifts
    assert "hunter2" not in drift.model_dump_json()


def test_other_drift_is_told_and_repaired_all_the_same_as_it_is_on_record(guard: Guard) -> None:
    world = guard.world
    edit(world.store, lets_everything_pass)
    guard.live(5)
    world.switch.remove("town.play")
    world.engine.kill_machine(NAMES[0])
    guard.live(150)
    assert world.machines() == dict.fromkeys(NAMES, "RUNNING/SERVING")
    assert world.switch.view("town.play") is not None
    assert {one.kind for one in guard.check().drifts if one.counts} == {"release.changed"}


@pytest.mark.parametrize("change", [listens_elsewhere, is_made_otherwise, lets_everything_pass])
def test_deployed_again_all_is_well_and_nothing_was_made_anew_for_it(
    guard: Guard, change: Callable[[dict[str, Any]], object]
) -> None:
    world = guard.world
    before = world.machines()
    edit(world.store, change)
    guard.open()
    guard.live(100)
    _, plan = world.releasing.plan("town", declared(policy={"inside.port": "replace"}), "ann")
    assert plan.record == "release 1 isn't what is on record any more: it is made anew"
    record = world.deploy(declared(policy={"inside.port": "replace"}))
    assert world.run(record.id).result is Result.SUCCEEDED
    guard.live(100)
    assert guard.found() == []
    assert guard.hospital.reconcile.notes_of("town") == ()
    assert world.machines() == before
    world.engine.meddle_inside(NAMES[1], listening=("tcp/4444",))
    guard.live(150)
    assert len(guard.hospital.by_itself()) == 1, "it is repaired by itself again"
    with pytest.raises(Refused, match="nothing to do"):
        world.deploy(declared(policy={"inside.port": "replace"}))


def test_a_way_back_leads_to_what_is_on_record(guard: Guard) -> None:
    world = guard.world
    first = world.store.releases.get("town", 1)
    world.publish("web", 2)
    world.run(world.deploy(declared()).id)
    edit(world.store, listens_elsewhere, 1)
    world.store.releases.read_again("town", 1)
    assert world.store.releases.get("town", 1).spec == first.spec
    world.run(world.releasing.rollback("town", None, "ann")[1].id)
    view = world.switch.view("town.play")
    assert view is not None
    assert view.listen == first.spec.services["play"].listen


def test_a_release_of_an_old_entry_is_compared_by_its_pins(guard: Guard) -> None:
    """Entries of quarantines once had no more than those."""
    found: list[Release] = []
    store = guard.world.store

    def pinned(body: dict[str, Any]) -> None:
        found.append(Release.model_validate(body))
        body["groups"]["web"]["image"] = "web/99"

    with store.db.begin() as conn:
        conn.execute(sa.text("UPDATE ledger SET fact = json_remove(fact, '$.details.manifest')"))
    edit(store, pinned)
    [drift] = guard.check().drifts
    group = found[0].groups["web"]
    assert (drift.kind, drift.where, drift.expected) == ("release.changed", "web", f"{group.image} {group.digest}")
    assert store.releases.altered("town", 1) is None


def test_a_quarantine_puts_its_whole_release_on_record(guard: Guard) -> None:
    world = guard.world
    world.run(world.deploy(declared(policy={"inside.written": "quarantine"})).id)
    world.engine.meddle_inside(NAMES[2], written=("/etc/motd",))
    guard.live(200)
    current = world.store.releases.current("town")
    assert current is not None
    assert current.actor == "stoneware"
    assert world.store.releases.altered("town", current.number) == ()


def test_places_are_as_deep_as_they_have_names() -> None:
    assert altered({"a": {"b": [1], "c": 2}}, {"a": {"b": [1, 2], "d": 2}}) == ("a.b", "a.c", "a.d")
    assert altered({"a": 1}, {"a": 1}) == ()
    assert altered("x", {"a": 1}) == ("all of it",)


def test_a_row_that_says_that_nothing_is_current_is_told_and_ends_nothing(guard: Guard) -> None:
    world = guard.world
    with world.store.db.begin() as conn:
        conn.execute(deployments.update().values(current=None))
    assert guard.live(70, 5.0) == ["release.changed town#1 current"]
    guard.tidy()
    assert len(world.engine.list_machines("town")) == 4
    assert world.run(world.deploy(declared()).id).result is Result.SUCCEEDED
    guard.live(70, 5.0)
    assert guard.found() == []
    assert world.store.drifts.of() == []


def test_a_rollback_goes_to_what_was_good_on_record_whatever_a_row_says(guard: Guard) -> None:
    world = guard.world
    for version in (2, 3):
        world.publish("web", version)
        world.run(world.deploy(declared()).id)
    with world.store.db.begin() as conn:
        conn.execute(releases.update().where(releases.c.number == 2).values(state="BAD"))
        conn.execute(releases.update().where(releases.c.number == 1).values(became_current=9))
    assert world.releasing.plan_rollback("town", None).release == 2
    found = guard.live(70, 5.0)
    assert found == ["release.changed town#2 state", "release.changed town#3 order"]
    [state, order] = sorted(guard.check().drifts, key=lambda one: one.where, reverse=True)
    assert (state.expected, state.found) == ("GOOD", "its row says BAD")
    assert (order.expected, order.found) == (
        "current were, in this order: 1, 2, 3",
        "its row says current were, in this order: 2, 3, 1",
    )


def test_what_became_of_releases_is_told_by_the_ledger_alone(guard: Guard) -> None:
    """A failed one, a rollback, and the one that was fled from: rows and entries agree after each."""
    world = guard.world
    digest = world.publish("web", 2)
    world.engine.never_boots.add(digest)
    assert world.run(world.deploy(declared()).id).result is Result.REVERTED
    world.publish("web", 3)
    world.run(world.deploy(declared()).id)
    assert world.run(world.releasing.rollback("town", None, "ann")[1].id).result is Result.SUCCEEDED
    assert [(one.number, str(one.state)) for one in world.store.releases.list("town")] == [
        (1, "GOOD"),
        (2, "BAD"),
        (3, "BAD"),
    ]
    assert world.store.releases.edited_ends("town") == []
    assert guard.live(70, 5.0) == []
