"""Leases: an operation has one worker at a time, and only who holds it now can write.

A worker runs these statements at every step, so they are built once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import bindparam

from stoneware.clock import Clock
from stoneware.errors import LeaseLost
from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, Result, Signal
from stoneware.store.database import writing
from stoneware.store.forged import End, ends, is_begun, is_said, refuse_end, refuse_operation, refuse_signal
from stoneware.store.ledger import append
from stoneware.store.tables import journal, notes, operations, signals

CLOCK_SLACK_S = 1.0
Also = Callable[[sa.Connection], None]

MINE = sa.and_(operations.c.id == bindparam("identity"), operations.c.lease_token == bindparam("token"))
FREE = sa.and_(operations.c.result.is_(None), operations.c.lease_until <= bindparam("now"))
# what was written in the future was written before the clock was set back: it is not known when it is due
DUE = FREE & sa.or_(operations.c.wake_at <= bindparam("now"), operations.c.written_at > bindparam("future"))
UNHEARD = sa.and_(signals.c.operation == bindparam("identity"), signals.c.consumed.is_(False))

WHOSE = (operations.c.id, operations.c.kind, operations.c.subject, operations.c.actor, operations.c.lease_token)
MOST_LOOKED_AT = 50
LAST_OVER = (
    sa.select(*WHOSE).where(operations.c.result.is_not(None)).order_by(operations.c.seq.desc()).limit(MOST_LOOKED_AT)
)
FIRST_DUE = (sa.select(*WHOSE).where(DUE).order_by(operations.c.wake_at, operations.c.seq)).limit(1)
NEXT_WAKE = sa.select(sa.func.min(operations.c.wake_at)).where(FREE)
CLAIM = operations.update().where(MINE, DUE).returning(operations)
RENEW = operations.update().where(MINE, operations.c.lease_owner.is_not(None))
# a signal that came during the step is heard at once
COMMIT = (
    operations.update()
    .where(MINE)
    .values(wake_at=sa.case((sa.exists().where(UNHEARD), bindparam("now")), else_=bindparam("wake")))
    .returning(operations)
)
HOLDS = sa.select(operations.c.id).where(MINE)
HEED = signals.update().where(UNHEARD, signals.c.id <= bindparam("last"))
SIGNALS = sa.select(signals).where(UNHEARD).order_by(signals.c.id)
NOTED = sa.select(notes.c.key).where(notes.c.operation == bindparam("identity"))
LAST_LINE = sa.select(sa.func.coalesce(sa.func.max(journal.c.seq), 0)).where(
    journal.c.operation == bindparam("identity")
)
WRITE_LINE = journal.insert().inline().values(seq=LAST_LINE.scalar_subquery() + 1)


@dataclass(frozen=True)
class Leases:
    """What workers need: to take an operation, keep it, write what a step did, and give it back."""

    db: sa.Engine
    clock: Clock
    _begun: set[str] = field(default_factory=set, repr=False, compare=False)
    _ends: dict[str, End] = field(default_factory=dict, repr=False, compare=False)
    _told: set[str] = field(default_factory=set, repr=False, compare=False)

    def claim(self, worker: str, lease_s: float) -> OperationRecord | None:
        """Takes the most overdue unfinished operation that nobody holds; None when nothing is due, or nobody began it."""
        now = self.clock.now()
        due = {"now": now, "future": now + CLOCK_SLACK_S}
        with self.db.connect() as conn:
            first = conn.execute(FIRST_DUE, due).first()
        if first is None or self._refused(first):
            return None
        mine = {"identity": first.id, "token": first.lease_token}
        lease = {"lease_owner": worker, "lease_until": now + lease_s, "lease_token": first.lease_token + 1}
        with writing(self.db, lasting=False) as conn:
            row = conn.execute(CLAIM, {**due, **mine, **lease}).first()
        return record_of(row) if row else None

    def refuse_forged(self) -> None:
        """Ends every unfinished operation that nobody began on record, whenever it is due: as long as it is there, it keeps others
        from beginning. Of the last ones that are over, it enters which didn't end on record."""
        with self.db.connect() as conn:
            rows = conn.execute(sa.select(*WHOSE).where(operations.c.result.is_(None))).all()
            over = conn.execute(LAST_OVER).all()
        for row in rows:
            self._refused(row)
        known = self._ended_on_record(over)
        for row in (row for row in over if row.id not in known and row.id not in self._told):
            with writing(self.db) as conn:
                refuse_end(conn, self.clock.now(), row)
            self._told.add(row.id)

    def _ended_on_record(self, rows: Sequence[sa.Row]) -> dict[str, End]:  # type: ignore[type-arg]
        """How the operations of rows that are over ended, for those of which entries say so. What ended on record is asked once."""
        asked: dict[str, dict[str, str]] = {}
        for row in (row for row in rows if row.id not in self._ends):
            asked.setdefault(row.subject, {})[row.id] = row.kind
        with self.db.connect() as conn:
            for subject, kinds in asked.items():
                self._ends.update(ends(conn, subject, kinds))
        return {row.id: self._ends[row.id] for row in rows if row.id in self._ends}

    def _refused(self, row: sa.Row) -> bool:  # type: ignore[type-arg]
        """Whether nobody began an operation; then it is over. What was begun is asked once."""
        if row.id in self._begun:
            return False
        with self.db.connect() as conn:
            begun = is_begun(conn, row.id, row.kind, row.subject)
        if begun:
            self._begun.add(row.id)
            return False
        with writing(self.db) as conn:
            refuse_operation(conn, self.clock.now(), row)
        return True

    def take_over(self, worker: str) -> None:
        """Frees what a dead predecessor held: the leases of `worker` and its threads. Only for who knows that it is dead.

        Its steps can't commit any more: every lease has a new token from then on.
        """
        held = operations.c.lease_owner.startswith(f"{worker}/", autoescape=True)
        freed = {"lease_until": 0.0, "lease_token": operations.c.lease_token + 1}
        with writing(self.db, lasting=False) as conn:
            conn.execute(operations.update().where(held, operations.c.lease_until > self.clock.now()).values(**freed))

    def renew(self, identity: str, token: int, lease_s: float) -> None:
        """Keeps a lease. Raises LeaseLost when it went to another worker, or ended with the commit of its step."""
        until = {"identity": identity, "token": token, "lease_until": self.clock.now() + lease_s}
        with writing(self.db, lasting=False) as conn:
            if conn.execute(RENEW, until).rowcount != 1:
                raise LeaseLost(f"{identity} was taken over, or its step is over")

    def commit(
        self,
        record: OperationRecord,
        *,
        state: str,
        frame: Noun,
        because: str,
        wake_at: float,
        text: str | None,
        result: Result | None = None,
        failures: int = 0,
        paused: bool = False,
        consumed: int = 0,
        facts: Sequence[Fact] = (),
        also: Also | None = None,
        decided_at: float | None = None,
    ) -> OperationRecord:
        """Ends a step in ONE transaction, fenced by the lease token. Raises LeaseLost, and then wrote nothing.

        `decided_at` is when `wake_at` was reckoned: a clock that was set back since then makes the operation due at once.
        """
        now = self.clock.now()
        mine = {"identity": record.id, "token": record.lease_token}
        values = {
            "written_at": now if decided_at is None else decided_at,
            "state": state,
            "state_since": record.state_since if state == record.state else now,
            "frame": frame.model_dump(mode="json"),
            "because": because,
            "failures": failures,
            "paused": paused,
            "result": result,
            "ended_at": None if result is None else now,
            "open_subject": record.subject if result is None else None,
            "lease_owner": None,
            "lease_until": 0.0,
        }
        with writing(self.db) as conn:
            if consumed:
                conn.execute(HEED, {"identity": record.id, "last": consumed, "consumed": True})
            row = conn.execute(COMMIT, {**mine, "now": now, "wake": wake_at, **values}).first()
            if row is None:
                raise LeaseLost(f"{record.id} was taken over")
            if text is not None:
                write_journal(conn, record.id, now, record.state, text)
            for fact in facts:
                append(conn, now, fact)
            if also:
                also(conn)
        return record_of(row)

    def note(self, record: OperationRecord, key: str, fact: Fact) -> None:
        """Enters a fact of a claimed operation, once for each key. Raises LeaseLost, and then wrote nothing.

        A key `THING=WHAT` takes the place of the THING's last one: what happens to it again, after something else did, is entered
        again.
        """
        with writing(self.db) as conn:
            if conn.execute(HOLDS, {"identity": record.id, "token": record.lease_token}).first() is None:
                raise LeaseLost(f"{record.id} was taken over")
            if key not in set(conn.scalars(NOTED, {"identity": record.id})):
                thing, is_turn, _ = key.partition("=")
                if is_turn:
                    last = notes.c.key.startswith(f"{thing}=", autoescape=True)
                    conn.execute(notes.delete().where(notes.c.operation == record.id, last))
                conn.execute(notes.insert(), {"operation": record.id, "key": key})
                append(conn, self.clock.now(), fact)

    def must_hold(self, record: OperationRecord) -> None:
        """Raises LeaseLost when a claimed operation is another worker's by now."""
        with self.db.connect() as conn:
            if conn.execute(HOLDS, {"identity": record.id, "token": record.lease_token}).first() is None:
                raise LeaseLost(f"{record.id} was taken over")

    def noted(self, identity: str) -> set[str]:
        """The keys of the facts that this operation has entered into the ledger."""
        with self.db.connect() as conn:
            return set(conn.scalars(NOTED, {"identity": identity}))

    def signals(self, identity: str) -> list[tuple[int, Signal]]:
        """Signals that no step has heeded yet, in order, with their row ids. Rows that nobody sent on record are taken away."""
        with self.db.connect() as conn:
            rows = conn.execute(SIGNALS, {"identity": identity}).all()
            forged = [row for row in rows if not is_said(conn, identity, row.body)]
        if forged:
            with writing(self.db) as conn:
                for row in forged:
                    refuse_signal(conn, self.clock.now(), row)
        return [(row.id, Signal.model_validate(row.body)) for row in rows if row not in forged]

    def next_wake(self) -> float | None:
        """When the next free operation is due (seconds since the epoch); None when there is none."""
        with self.db.connect() as conn:
            due: float | None = conn.scalar(NEXT_WAKE, {"now": self.clock.now()})
        return due

    def held_until(self, identity: str) -> float:
        """When the lease of an operation ends (seconds since the epoch); in the past: nobody works on it."""
        with self.db.connect() as conn:
            return conn.scalar(sa.select(operations.c.lease_until).where(operations.c.id == identity)) or 0.0

    def let_go(self, identity: str, worker: str | None) -> None:
        """Says that a worker has stopped working on an operation that was given up meanwhile."""
        mine = (operations.c.id == identity, operations.c.lease_owner == worker, operations.c.result.is_not(None))
        with writing(self.db, lasting=False) as conn:
            conn.execute(operations.update().where(*mine).values(lease_until=0.0))


def write_journal(conn: sa.Connection, identity: str, at: float, state: str, text: str) -> None:
    """Adds a line to the story of an operation, in the caller's transaction."""
    conn.execute(WRITE_LINE, {"identity": identity, "operation": identity, "at": at, "state": state, "text": text})


FIELDS = tuple(name for name in OperationRecord.model_fields if name != "code")


def record_of(row: sa.Row) -> OperationRecord:  # type: ignore[type-arg]
    """The operation that a row of its table tells of."""
    known = row._mapping
    told = {"code": known["frame"].get("code", "")}
    return OperationRecord.model_validate({name: known[name] for name in FIELDS} | told)
