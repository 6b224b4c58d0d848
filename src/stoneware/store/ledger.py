"""The ledger's rows: appended inside the transaction of what they record, each chained to the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.model.ledger import Fact, LedgerEntry, entry_hash
from stoneware.store.tables import ledger

GENESIS = "0" * 64
BATCH = 1000


def append(conn: sa.Connection, at: float, fact: Fact) -> LedgerEntry:
    """Adds a fact at the end of the chain, in the caller's transaction.

    The primary key on `seq` keeps the chain from forking: of two writers that read the same end, one fails and tries again.
    """
    last = conn.execute(sa.select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    digest = entry_hash(seq, at, fact, previous)
    body = fact.model_dump(mode="json")
    conn.execute(
        ledger.insert().values(seq=seq, at=at, subject=fact.subject, fact=body, previous=previous, hash=digest)
    )
    return LedgerEntry(seq=seq, at=at, fact=fact, previous=previous, hash=digest)


@dataclass(frozen=True)
class Ledger:
    """Reading and checking."""

    db: sa.Engine

    def entries(self, after: int = 0, limit: int = 100, subject: str | None = None) -> list[LedgerEntry]:
        """Entries in order. `subject` matches exactly, or as what stands before a `/` or `#`."""
        query = sa.select(ledger).where(ledger.c.seq > after).order_by(ledger.c.seq).limit(limit)
        if subject is not None:
            exact = ledger.c.subject == subject
            below = [ledger.c.subject.startswith(f"{subject}{mark}", autoescape=True) for mark in "/#"]
            query = query.where(sa.or_(exact, *below))
        with self.db.connect() as conn:
            return [_entry(row) for row in conn.execute(query)]

    def end(self) -> tuple[int, str]:
        """The number and hash of the last entry. Noted elsewhere, they show later that the chain wasn't cut off or written anew."""
        last = sa.select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
        with self.db.connect() as conn:
            row = conn.execute(last).first()
        return (row.seq, row.hash) if row else (0, GENESIS)

    def verify(self) -> str | None:
        """None when every entry follows from the one before; else a sentence naming the first that doesn't."""
        previous, seq = GENESIS, 0
        for row in self._raw():
            if row.seq > seq + 1:
                return f"entry {seq + 1} is missing"
            if row.seq <= seq:
                return f"entry {row.seq} was never written by Stoneware"
            if row.previous != previous:
                return f"entry {row.seq} doesn't follow from entry {seq}"
            if not _is_sound(row):
                return f"entry {row.seq} was changed"
            previous, seq = row.hash, row.seq
        return None

    def _raw(self) -> Iterator[sa.Row]:  # type: ignore[type-arg]
        """Every row as it is written, from the lowest number on: what was tampered with may be no fact any more."""
        body = sa.cast(ledger.c.fact, sa.Text).label("body")
        columns = [column for column in ledger.c if column is not ledger.c.fact]
        query = sa.select(*columns, body).order_by(ledger.c.seq).limit(BATCH)
        rows = self._read(query)
        while rows:
            yield from rows
            rows = self._read(query.where(ledger.c.seq > rows[-1].seq))

    def _read(self, query: sa.Select) -> Sequence[sa.Row]:  # type: ignore[type-arg]
        with self.db.connect() as conn:
            return conn.execute(query).all()


def _is_sound(row: sa.Row) -> bool:  # type: ignore[type-arg]
    """Whether a row is the fact that its hash was taken of, and the column that is searched says the same."""
    try:
        fact = Fact.model_validate_json(row.body)
        digest = entry_hash(row.seq, row.at, fact, row.previous)
    except (TypeError, ValueError):
        return False
    whole = json.loads(row.body) == fact.model_dump(mode="json")
    return bool(whole and row.subject == fact.subject and row.hash == digest)


def _entry(row: sa.Row) -> LedgerEntry:  # type: ignore[type-arg]
    return LedgerEntry(seq=row.seq, at=row.at, fact=Fact.model_validate(row.fact), previous=row.previous, hash=row.hash)
