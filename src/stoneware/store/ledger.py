"""The ledger's rows: appended inside the transaction of what they record, each chained to the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.decide.chain import Chain
from stoneware.model.ledger import GENESIS, Fact, LedgerEntry, canonical, entry_hash
from stoneware.store.tables import ledger

BATCH = 1000
AT_ONCE = 500
"""How many names a query may have."""
LAST = sa.select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
WRITE = ledger.insert()
WRITTEN = sa.select(
    ledger.c.seq, ledger.c.at, ledger.c.subject, sa.cast(ledger.c.fact, sa.Text), ledger.c.previous, ledger.c.hash
).order_by(ledger.c.seq)


def append(conn: sa.Connection, at: float, fact: Fact) -> LedgerEntry:
    """Adds a fact at the end of the chain, in the caller's transaction.

    The primary key on `seq` keeps the chain from forking: of two writers that read the same end, one fails and tries again.
    """
    last = conn.execute(LAST).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    digest = entry_hash(seq, at, fact, previous)
    row = {"seq": seq, "at": at, "subject": fact.subject, "fact": canonical(fact), "previous": previous, "hash": digest}
    conn.execute(WRITE, row)
    return LedgerEntry(seq=seq, at=at, fact=fact, previous=previous, hash=digest)


@dataclass(frozen=True)
class Ledger:
    """Reading and checking."""

    db: sa.Engine

    def entries(
        self,
        after: int = 0,
        limit: int = 100,
        subject: str | None = None,
        verb: str | None = None,
        since: float | None = None,
    ) -> list[LedgerEntry]:
        """Entries in order. `subject` matches exactly, or as what stands before a `/` or `#`; `verb` exactly, or as what stands
        before a dot; `since` is in seconds since the epoch."""
        query = sa.select(ledger).where(ledger.c.seq > after).order_by(ledger.c.seq).limit(limit)
        if since is not None:
            query = query.where(ledger.c.at >= since)
        if verb is not None:
            said = ledger.c.fact["verb"].as_string()
            query = query.where(sa.or_(said == verb, said.startswith(f"{verb}.", autoescape=True)))
        if subject is not None:
            exact = ledger.c.subject == subject
            below = [ledger.c.subject.startswith(f"{subject}{mark}", autoescape=True) for mark in "/#"]
            query = query.where(sa.or_(exact, *below))
        with self.db.connect() as conn:
            return [entry_of(row) for row in conn.execute(query)]

    def about(self, subjects: Collection[str], verb: str) -> list[LedgerEntry]:
        """All entries in order about exactly these subjects; `verb` as in `entries`."""
        said, wanted = ledger.c.fact["verb"].as_string(), sorted(subjects)
        meant = sa.or_(said == verb, said.startswith(f"{verb}.", autoescape=True))
        found: list[LedgerEntry] = []
        with self.db.connect() as conn:
            for first in range(0, len(wanted), AT_ONCE):
                mine = ledger.c.subject.in_(wanted[first : first + AT_ONCE])
                found += [entry_of(row) for row in conn.execute(sa.select(ledger).where(mine, meant))]
        return sorted(found, key=lambda entry: entry.seq)

    def until(self, at: float) -> Iterator[LedgerEntry]:
        """All entries from the first to the last that was written at `at` (seconds since the epoch) or before.

        A clock that was set back may have written younger ones among them: what happened is what stands in the chain.
        """
        with self.db.connect() as conn:
            last = conn.scalar(sa.select(sa.func.max(ledger.c.seq)).where(ledger.c.at <= at)) or 0
        after = 0
        while after < last:
            entries = self.entries(after, min(BATCH, last - after))
            yield from entries
            after = entries[-1].seq if entries else last

    def hash_of(self, seq: int) -> str | None:
        """The hash of an entry; None when there is no such one, and that of the beginning before the first."""
        if seq == 0:
            return GENESIS
        with self.db.connect() as conn:
            return conn.scalar(sa.select(ledger.c.hash).where(ledger.c.seq == seq))

    def end(self) -> tuple[int, str]:
        """The number and hash of the last entry. Noted elsewhere, they show later that the chain wasn't cut off or written anew."""
        with self.db.connect() as conn:
            row = conn.execute(LAST).first()
        return (row.seq, row.hash) if row else (0, GENESIS)

    def written_at(self, last: int = BATCH) -> float:
        """The latest time that stands in the last entries (seconds since the epoch); 0 without any."""
        recent = sa.select(ledger.c.at).order_by(ledger.c.seq.desc()).limit(last).subquery()
        with self.db.connect() as conn:
            return conn.scalar(sa.select(sa.func.max(recent.c.at))) or 0.0

    def verify(self) -> str | None:
        """None when every entry follows from the one before; else a sentence naming the first that doesn't."""
        return self.follow(Chain())

    def follow(self, chain: Chain) -> str | None:
        """Leads a chain through every entry. None when it holds; else a sentence naming the first entry that doesn't follow."""
        for rows in self._written():
            problem = chain.follow(rows)
            if problem:
                return problem
        return None

    def _written(self) -> Iterator[Sequence[Any]]:
        """Every row as it is written, from the lowest number on: what was tampered with may be no fact any more."""
        rows = self._read(WRITTEN)
        while rows:
            yield rows
            rows = self._read(WRITTEN.where(ledger.c.seq > rows[-1][0]))

    def _read(self, query: sa.Select) -> Sequence[Any]:  # type: ignore[type-arg]
        with self.db.connect() as conn:
            return conn.execute(query.limit(BATCH)).all()


def entry_of(row: sa.Row) -> LedgerEntry:  # type: ignore[type-arg]
    """A row of the table as a noun."""
    return LedgerEntry(seq=row.seq, at=row.at, fact=Fact.model_validate(row.fact), previous=row.previous, hash=row.hash)
