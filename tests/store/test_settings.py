"""The installation's settings in their rows, beside what the ledger has of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from stoneware.decide.settings import GIVEN, KEPT, given_to
from stoneware.model.deployment import KeepSpec
from stoneware.model.drift import Quarantine
from stoneware.model.setting import NOTHING, Edited, Place
from stoneware.model.trigger import TriggerSpec, Watch
from stoneware.store.database import writing
from stoneware.store.settings import SettingsRecord
from stoneware.store.store import Store
from stoneware.store.tables import families, quarantine, roles, triggers

SPEC = TriggerSpec(repository="/srv/web.git", watch=Watch.PUSH, branch="^main$")
ASIDE = Quarantine(deployment="town", machine="town-web-r1-0", made_at=1.0, since=2.0, why="drift")
EDITS: dict[str, tuple[sa.Executable, str]] = {
    "a role is given": (roles.insert().values(role="boss", actor="eve", body={}), "boss"),
    "a role is taken": (roles.delete(), "boss"),
    "a trigger may do more": (
        triggers.update().values(body={**SPEC.model_dump(mode="json"), "allow": ["deploy"]}),
        "trigger:main",
    ),
    "a trigger's row is rubbish": (triggers.update().values(body={"repository": 1}), "trigger:main"),
    "a trigger is gone": (triggers.delete(), "trigger:main"),
    "images are kept for less": (families.update().values(keep={"newest": 1}), "web"),
    "images are kept for ever": (families.delete(), "web"),
    "a machine isn't kept any more": (quarantine.delete(), "town-web-r1-0"),
}


@pytest.fixture
def decided(store: Store) -> Store:
    """One setting of each kind."""
    store.roles.grant("boss", "ann", by="root", reason="")
    store.triggers.add("main", SPEC, {}, "ann", "")
    store.catalog.keep("web", KeepSpec.model_validate({"newest": 3, "within": "1d"}), "ann")
    with writing(store.db) as conn:
        store.drifts.keep(ASIDE, conn)
    return store


def test_what_was_decided_is_what_stands_there(decided: Store) -> None:
    record = SettingsRecord(decided.db)
    assert record.edited() == []
    decided.roles.revoke("boss", "ann", by="root", reason="")
    decided.triggers.delete("main", "ann", "")
    decided.catalog.keep("web", KeepSpec(newest=1), "ann")
    decided.drifts.release(decided.drifts.quarantined()[0], "ann", "seen")
    assert record.edited() == []
    decided.catalog.keep("web", None, "ann")
    decided.drifts.forget(decided.drifts.quarantined()[0], "gone")
    assert record.edited() == []


@pytest.mark.parametrize("name", EDITS)
def test_a_row_that_somebody_edits_is_found(name: str, decided: Store) -> None:
    edit, subject = EDITS[name]
    record = SettingsRecord(decided.db)
    assert record.edited() == []
    with decided.db.begin() as conn:
        conn.execute(edit)
    [found] = record.edited()
    assert found.place.subject == subject
    assert found == SettingsRecord(decided.db).edited()[0]


def test_a_machine_whose_row_is_gone_was_kept(decided: Store) -> None:
    with decided.db.begin() as conn:
        conn.execute(quarantine.delete())
    assert SettingsRecord(decided.db).edited() == [Edited(Place("town-web-r1-0", "quarantine"), KEPT, NOTHING)]


def test_a_key_that_nobody_trusted_on_record_is_found(store: Store) -> None:
    assert SettingsRecord(store.db, lambda: ["ab12"]).edited() == [Edited(Place("ab12", "trusted key"), NOTHING, GIVEN)]


def test_who_writes_a_row_gives_nobody_a_role(decided: Store) -> None:
    with decided.db.begin() as conn:
        conn.execute(roles.insert().values(role="boss", actor="eve", body={}))
    assert decided.roles.has("boss", "ann")
    assert not decided.roles.has("boss", "eve")
    assert SettingsRecord(decided.db).edited() == [Edited(Place("boss", given_to("eve")), NOTHING, GIVEN)]
