"""The ledger: what was written is found again, and whoever changes a row behind our back is found out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoneware.model.ledger import GENESIS, Fact, LedgerEntry
from stoneware.store import ledger as module
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

ENTRIES = 7
ROW = st.integers(1, ENTRIES)


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A ledger of seven entries, read in batches of three."""
    monkeypatch.setattr(module, "BATCH", 3)
    with writing(store.db) as conn:
        for number in range(1, ENTRIES + 1):
            fact = Fact(verb="image.publish", subject=f"web/{number}", actor="ann", details={"state": "ACTIVE"})
            append(conn, 1.5 * number, fact)
    yield store


def tamper(store: Store, *statements: str) -> None:
    with writing(store.db) as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def after_tampering(store: Store, *statements: str) -> str | None:
    """What `verify` says after it; then all is as before."""
    with store.db.connect() as conn:
        rows = [tuple(row) for row in conn.execute(sa.text("SELECT * FROM ledger ORDER BY seq"))]
    tamper(store, *statements)
    try:
        return store.ledger.verify()
    finally:
        with writing(store.db) as conn:
            conn.exec_driver_sql("DELETE FROM ledger")
            conn.exec_driver_sql("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", rows)
        assert store.ledger.verify() is None


CHANGES = {
    "the time": "at = at + 0.001",
    "the actor": "fact = json_set(fact, '$.actor', 'eve')",
    "the reason": "fact = json_set(fact, '$.reason', 'none')",
    "a detail": "fact = json_set(fact, '$.details.state', 'OBSOLETE')",
    "the subject that is searched": "subject = 'db/1'",
    "both subjects": "subject = 'db/1', fact = json_set(fact, '$.subject', 'db/1')",
    "an unknown key": "fact = json_set(fact, '$.more', 'x')",
    "a missing key": "fact = json_remove(fact, '$.actor')",
    "a missing default": "fact = json_remove(fact, '$.reason')",
    "no JSON": "fact = 'web'",
    "a time that is none": "at = x'00'",
    "the hash": f"hash = '{GENESIS}'",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("row", [1, 4, ENTRIES])
def test_a_changed_entry_is_named(filled: Store, change: str, row: int) -> None:
    assert after_tampering(filled, f"UPDATE ledger SET {change} WHERE seq = {row}") == f"entry {row} was changed"


def test_an_entry_with_another_predecessor_is_named(filled: Store) -> None:
    said = after_tampering(filled, "UPDATE ledger SET previous = 'x' WHERE seq = 4")
    assert said == "entry 4 doesn't follow from entry 3"


@settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROW, other=ROW)
def test_removed_inserted_and_reordered_entries_are_named(filled: Store, row: int, other: int) -> None:
    removed = after_tampering(filled, f"DELETE FROM ledger WHERE seq = {row}")
    assert removed == (f"entry {row} is missing" if row < ENTRIES else None), "the end is known only outside"
    closed = after_tampering(
        filled, f"DELETE FROM ledger WHERE seq = {row}", f"UPDATE ledger SET seq = seq - 1 WHERE seq > {row}"
    )
    assert closed == (f"entry {row} doesn't follow from entry {row - 1}" if row < ENTRIES else None)
    copy = f"SELECT {ENTRIES + 1}, at, subject, fact, previous, hash FROM ledger WHERE seq = {row}"
    assert after_tampering(filled, f"INSERT INTO ledger {copy}") == f"entry 8 doesn't follow from entry {ENTRIES}"
    if row != other:
        swap = [f"UPDATE ledger SET seq = {b} WHERE seq = {a}" for a, b in [(row, 0), (other, row), (0, other)]]
        first = min(row, other)
        assert after_tampering(filled, *swap) == f"entry {first} doesn't follow from entry {first - 1}"


@pytest.mark.parametrize("seq", [0, -5])
def test_an_entry_before_the_first_is_named(filled: Store, seq: int) -> None:
    copy = f"INSERT INTO ledger SELECT {seq}, at, subject, fact, previous, hash FROM ledger WHERE seq = 1"
    assert after_tampering(filled, copy) == f"entry {seq} was never written by Stoneware"


def test_who_noted_the_end_elsewhere_sees_that_it_was_cut_off(filled: Store) -> None:
    noted = filled.ledger.end()
    assert noted == (ENTRIES, filled.ledger.entries()[-1].hash)
    tamper(filled, f"DELETE FROM ledger WHERE seq = {ENTRIES}")
    with writing(filled.db) as conn:
        append(conn, 9.0, Fact(verb="image.delete", subject="web/1", actor="eve"))
    assert filled.ledger.verify() is None
    assert filled.ledger.end() != noted


def test_an_empty_ledger_holds(store: Store) -> None:
    assert store.ledger.verify() is None
    assert store.ledger.end() == (0, GENESIS)


def test_entries_come_in_order_from_where_one_stopped(filled: Store) -> None:
    def numbers(entries: list[LedgerEntry]) -> list[int]:
        return [entry.seq for entry in entries]

    assert numbers(filled.ledger.entries()) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(filled.ledger.entries(after=2, limit=3)) == [3, 4, 5]
    assert numbers(filled.ledger.entries(after=ENTRIES)) == []


def test_a_subject_finds_itself_and_what_is_below_it(store: Store) -> None:
    subjects = ["web/1", "web", "web#2", "web-2/1", "w_b/1", "webs"]
    with writing(store.db) as conn:
        for subject in subjects:
            append(conn, 0.0, Fact(verb="v", subject=subject, actor="ann"))
    assert [entry.fact.subject for entry in store.ledger.entries(subject="web")] == ["web/1", "web", "web#2"]
    assert [entry.fact.subject for entry in store.ledger.entries(subject="w_b")] == ["w_b/1"]
