"""Rows that nobody entered on record: nothing is done because of them, and that they were there is entered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.store.things import begin, claim, commit, end_of, tell

from stoneware.clock import ManualClock
from stoneware.errors import NotFound
from stoneware.model.operation import Result, SignalKind
from stoneware.store.store import Store
from stoneware.store.tables import operations, signals


def forge(store: Store, **more: Any) -> str:
    """An operation's row, as who writes the database could write it."""
    now = store.operations.clock.now()
    row = {
        "id": "teardown-100",
        "kind": "teardown",
        "subject": "town",
        "open_subject": "town",
        "actor": "eve",
        "reason": "",
        "created_at": now,
        "state": "UNROUTING",
        "state_since": now,
        "frame": {},
        "because": "",
        "wake_at": now,
        "written_at": now,
    }
    with store.db.begin() as conn:
        conn.execute(operations.insert().values(**{**row, **more}))
    return str({**row, **more}["id"])


def refused(store: Store) -> list[tuple[str, str]]:
    found = store.ledger.entries(verb="operation.refuse")
    return [(one.fact.subject, one.fact.details["operation"]) for one in found]


def test_an_operation_that_nobody_began_is_never_claimed(store: Store) -> None:
    forged = forge(store)
    assert store.operations.claim("bob", 30) is None
    known = store.operations.get(forged)
    assert (known.result, known.because) == (Result.FAILED, "nobody began it on record")
    assert refused(store) == [("town", forged)]
    assert store.operations.claim("bob", 30) is None and len(refused(store)) == 1


def test_one_that_borrows_the_name_of_another_kind_or_subject_is_none(store: Store) -> None:
    real = begin(store, "village")
    with store.db.begin() as conn:
        conn.execute(operations.update().values(subject="town", open_subject="town"))
    assert store.operations.claim("bob", 30) is None
    assert refused(store) == [("town", real.id)]


def test_one_that_is_paused_keeps_nobody_from_beginning(store: Store, clock: ManualClock) -> None:
    forged = forge(store, paused=True, wake_at=clock.now() + 1e9)
    real = begin(store, "village")
    store.operations.refuse_forged()
    assert store.operations.active("town") is None
    assert refused(store) == [("town", forged)]
    assert claim(store).id == real.id
    begin(store, "town")
    store.operations.refuse_forged()
    assert len(refused(store)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "approve", "actor": "eve", "reason": "", "at": 1.0},
        {"kind": "abort", "actor": "ann", "reason": "", "at": 1.0},
        {"kind": "approve"},
        [],
    ],
)
def test_what_nobody_said_is_not_heard(body: Any, store: Store) -> None:
    operation = begin(store)
    store.operations.signal(operation.id, tell(SignalKind.APPROVE))
    with store.db.begin() as conn:
        conn.execute(signals.insert().values(operation=operation.id, body=body))
    assert [one.kind for _, one in store.operations.signals(operation.id)] == [SignalKind.APPROVE]
    assert [one.kind for one in store.operations.told(operation.id)] == [SignalKind.APPROVE]
    assert refused(store) == [("town", operation.id)]


def test_what_no_operation_is_told_has_no_signals(store: Store) -> None:
    with pytest.raises(NotFound):
        store.operations.get("rollout-9")
    assert store.operations.signals("rollout-9") == []


def over(store: Store, **more: Any) -> str:
    """The row of an operation that nobody ended on record."""
    now = store.operations.clock.now()
    return forge(store, open_subject=None, result="SUCCEEDED", ended_at=now + 1e9, **more)


def test_an_end_that_no_entry_has_counts_for_nothing_and_is_entered_once(store: Store) -> None:
    real = begin(store)
    ended = commit(store, claim(store), result=Result.FAILED, facts=[end_of(real, Result.FAILED)])
    forged = over(store)
    assert [one.id for one in store.operations.ended("town", limit=9)] == [ended.id]
    assert store.operations.ended("town", "teardown") == []
    assert (last := store.operations.decisive("town")) is not None and last.id == ended.id
    for _ in range(2):
        store.operations.refuse_forged()
        assert refused(store) == [("town", forged)]


def test_one_that_went_on_and_whose_row_says_that_it_is_over_is_told(store: Store) -> None:
    real = begin(store)
    with store.db.begin() as conn:
        conn.execute(operations.update().values(result="SUCCEEDED", ended_at=1.0, open_subject=None))
    assert store.operations.ended("town") == []
    store.operations.refuse_forged()
    assert refused(store) == [("town", real.id)]


def test_how_it_ended_is_what_was_entered(store: Store, clock: ManualClock) -> None:
    real = begin(store)
    commit(store, claim(store), result=Result.FAILED, facts=[end_of(real, Result.FAILED)])
    at = clock.now()
    with store.db.begin() as conn:
        conn.execute(operations.update().values(result="SUCCEEDED", ended_at=at + 1e9, actor="eve"))
    [known] = store.operations.ended("town")
    assert (known.actor, known.result, known.ended_at) == ("ann", Result.FAILED, at)
