"""Triggers: what each has seen belongs to it, and a message counts once."""

from __future__ import annotations

import pytest

from stoneware.clock import ManualClock
from stoneware.errors import Conflict, NotFound
from stoneware.model.trigger import TriggerSpec, Watch
from stoneware.store.store import Store
from stoneware.store.tables import triggers
from stoneware.store.triggers import REMEMBERED_S

SPEC = TriggerSpec(repository="/srv/web.git", watch=Watch.POLL)
REFS = {"refs/heads/main": "a" * 40, "refs/tags/v1": "b" * 40}


def verbs(store: Store) -> list[str]:
    return [entry.fact.verb for entry in store.ledger.entries()]


def test_the_same_once_more_is_that_one_and_forgets_nothing(store: Store) -> None:
    made = store.triggers.add("web", SPEC, REFS, "ann", "")
    assert store.triggers.add("web", SPEC, {}, "bob", "") == made
    assert store.triggers.seen(made.id) == REFS
    with pytest.raises(Conflict, match="there is another trigger web"):
        store.triggers.add("web", SPEC.model_copy(update={"keep_older": True}), REFS, "ann", "")
    assert verbs(store) == ["trigger.create"]


def test_it_notes_what_moved_and_what_is_gone(store: Store) -> None:
    made, other = (store.triggers.add(name, SPEC, REFS, "ann", "") for name in ("web", "api"))
    store.triggers.see(made.id, {"refs/heads/main": "c" * 40, "refs/heads/new": "d" * 40}, {"refs/tags/v1"})
    assert store.triggers.seen(made.id) == {"refs/heads/main": "c" * 40, "refs/heads/new": "d" * 40}
    assert store.triggers.seen(other.id) == REFS


def test_one_that_is_deleted_sees_nothing_and_another_one_with_its_name_begins_anew(store: Store) -> None:
    made = store.triggers.add("web", SPEC, REFS, "ann", "")
    assert store.triggers.delete("web", "ann", "moved") == made
    store.triggers.see(made.id, {"refs/heads/main": "c" * 40}, set())
    assert store.triggers.seen(made.id) is None and store.triggers.list() == []
    again = store.triggers.add("web", SPEC, {}, "ann", "")
    assert again.id != made.id and store.triggers.seen(again.id) == {}
    assert verbs(store) == ["trigger.create", "trigger.delete", "trigger.create"]
    for act in (store.triggers.get, lambda name: store.triggers.delete(name, "ann", "")):
        with pytest.raises(NotFound, match="there is no trigger other"):
            act("other")


@pytest.mark.parametrize("body", [{**SPEC.model_dump(mode="json"), "allow": ["docker"]}, {"repository": 1}, {}])
def test_what_an_edited_row_says_is_not_done(store: Store, body: dict[str, object]) -> None:
    made = store.triggers.add("web", SPEC, REFS, "ann", "")
    with store.db.begin() as conn:
        conn.execute(triggers.update().values(body=body))
    assert store.triggers.list() == [made] and store.triggers.get("web") == made
    assert store.triggers.delete("web", "ann", "") == made


def test_a_row_that_nobody_made_is_no_trigger_and_can_be_taken_away(store: Store) -> None:
    made = store.triggers.add("web", SPEC, REFS, "ann", "")
    forged = {**made.model_dump(mode="json", exclude={"id"}), "allow": ["docker"]}
    store.triggers.delete("web", "ann", "")
    for name in ("web", "other"):
        with store.db.begin() as conn:
            conn.execute(triggers.insert().values(name=name, body={**forged, "name": name}))
        assert store.triggers.list() == []
        with pytest.raises(NotFound):
            store.triggers.get(name)
        with pytest.raises(Conflict):
            store.triggers.add(name, SPEC, {}, "ann", "")
        assert store.triggers.delete(name, "ann", "nobody made it") is None
    assert store.triggers.add("web", SPEC, {}, "ann", "").name == "web"


def test_a_message_counts_once_for_as_long_as_it_is_remembered(store: Store, clock: ManualClock) -> None:
    assert store.triggers.first_time("ab")
    clock.sleep(REMEMBERED_S)
    assert not store.triggers.first_time("ab") and store.triggers.first_time("cd")
    clock.sleep(1)
    assert store.triggers.first_time("ab")
