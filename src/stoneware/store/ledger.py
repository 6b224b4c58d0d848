"""The ledger's rows: appended inside the transaction of what they record, each chained to the one before."""

from __future__ import annotations

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

    def verify(self) -> str | None:
        """None when every entry follows from the one before; else a sentence naming the first that doesn't."""
        previous, seq = GENESIS, 0
        while True:
            batch = self.entries(after=seq, limit=BATCH)
            if not batch:
                return None
            for entry in batch:
                if entry.seq != seq + 1:
                    return f"entry {seq + 1} is missing"
                if entry.previous != previous:
                    return f"entry {entry.seq} doesn't follow from entry {seq}"
                if entry.hash != entry_hash(entry.seq, entry.at, entry.fact, entry.previous):
                    return f"entry {entry.seq} was changed"
                previous, seq = entry.hash, entry.seq


def _entry(row: sa.Row) -> LedgerEntry:  # type: ignore[type-arg]
    return LedgerEntry(seq=row.seq, at=row.at, fact=Fact.model_validate(row.fact), previous=row.previous, hash=row.hash)
