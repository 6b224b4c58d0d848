"""Operations as rows: created once, claimed under a lease, advanced by fenced commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import Conflict, LeaseLost, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import JournalLine, OperationRecord, Result, Signal
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import journal, operations, signals

Also = Callable[[sa.Connection], None]


@dataclass(frozen=True)
class Operations:
    """Nothing else writes operation state."""

    db: sa.Engine
    clock: Clock

    def create(
        self,
        *,
        kind: str,
        subject: str,
        actor: str,
        reason: str,
        state: str,
        frame: Noun,
        key: str | None = None,
        facts: Sequence[Fact] = (),
        also: Also | None = None,
        instead: bool = False,
    ) -> OperationRecord:
        """A new operation, `KIND-N`. The same idempotency `key` again returns the first one.

        Raises Conflict while an unfinished operation has the same subject; with `instead`, that one is given up. A step of
        it that runs just now can't commit any more; `held_until` says when its effects are surely over.
        """
        now = self.clock.now()
        with writing(self.db) as conn:
            if key is not None and (same := conn.execute(sa.select(operations).where(operations.c.key == key)).first()):
                return _record(same)
            busy = conn.execute(sa.select(operations).where(operations.c.open_subject == subject)).first()
            if busy is not None and not instead:
                raise Conflict(
                    f"{busy.id} is under way for {subject} ({busy.state}: {busy.because})",
                    f"wait for it (`stoneware status --watch`), or `stoneware abort {subject}`",
                )
            last = conn.scalar(sa.select(sa.func.max(operations.c.seq))) or 0
            identity = f"{kind}-{last + 1}"
            if busy is not None:
                self._give_up(conn, _record(busy), identity, actor, reason)
            conn.execute(
                operations.insert().values(
                    id=identity,
                    kind=kind,
                    subject=subject,
                    open_subject=subject,
                    key=key,
                    actor=actor,
                    reason=reason,
                    created_at=now,
                    state=state,
                    state_since=now,
                    frame=frame.model_dump(mode="json"),
                    because="",
                    wake_at=now,
                )
            )
            for fact in facts:
                append(conn, now, fact)
            if also:
                also(conn)
            return self._one(conn, identity)

    def _give_up(self, conn: sa.Connection, record: OperationRecord, successor: str, actor: str, reason: str) -> None:
        now, why = self.clock.now(), f"given up for {successor}"
        values = {"result": Result.FAILED, "ended_at": now, "open_subject": None, "because": why}
        fenced = {**values, "lease_token": operations.c.lease_token + 1}
        conn.execute(operations.update().where(operations.c.id == record.id).values(**fenced))
        _write_journal(conn, record.id, now, record.state, f"FAILED: {why}")
        details = {"operation": record.id, "for": successor}
        verb = f"{record.kind}.failed"
        append(conn, now, Fact(verb=verb, subject=record.subject, actor=actor, reason=reason or why, details=details))

    def held_until(self, identity: str) -> float:
        """When the lease of an operation ends (seconds since the epoch); in the past: nobody works on it."""
        with self.db.connect() as conn:
            return conn.scalar(sa.select(operations.c.lease_until).where(operations.c.id == identity)) or 0.0

    def let_go(self, identity: str, worker: str | None) -> None:
        """Says that a worker has stopped working on an operation that was given up meanwhile."""
        mine = (operations.c.id == identity, operations.c.lease_owner == worker, operations.c.result.is_not(None))
        with writing(self.db) as conn:
            conn.execute(operations.update().where(*mine).values(lease_until=0.0))

    def claim(self, worker: str, lease_s: float) -> OperationRecord | None:
        """Takes the most overdue unfinished operation that nobody holds; None when nothing is due."""
        now = self.clock.now()
        due = (
            operations.c.result.is_(None),
            operations.c.wake_at <= now,
            operations.c.lease_until <= now,
        )
        with self.db.connect() as conn:
            first = conn.execute(
                sa.select(operations.c.id, operations.c.lease_token).where(*due).order_by(operations.c.wake_at).limit(1)
            ).first()
        if first is None:
            return None
        with writing(self.db) as conn:
            taken = conn.execute(
                operations.update()
                .where(operations.c.id == first.id, operations.c.lease_token == first.lease_token, *due)
                .values(lease_owner=worker, lease_until=now + lease_s, lease_token=first.lease_token + 1)
            )
            return self._one(conn, first.id) if taken.rowcount == 1 else None

    def renew(self, identity: str, token: int, lease_s: float) -> None:
        """Keeps a lease. Raises LeaseLost when it went to another worker."""
        with writing(self.db) as conn:
            kept = conn.execute(
                operations.update()
                .where(operations.c.id == identity, operations.c.lease_token == token)
                .values(lease_until=self.clock.now() + lease_s)
            )
            if kept.rowcount != 1:
                raise LeaseLost(f"{identity} was taken over")

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
    ) -> OperationRecord:
        """Ends a step in ONE transaction, fenced by the lease token. Raises LeaseLost, and then wrote nothing."""
        now = self.clock.now()
        values: dict[str, Any] = {
            "state": state,
            "frame": frame.model_dump(mode="json"),
            "because": because,
            "failures": failures,
            "paused": paused,
            "lease_owner": None,
            "lease_until": 0.0,
        }
        if state != record.state:
            values["state_since"] = now
        if result is not None:
            values |= {"result": result, "ended_at": now, "open_subject": None}
        mine = (operations.c.id == record.id, operations.c.lease_token == record.lease_token)
        with writing(self.db) as conn:
            if consumed:
                heeded = (signals.c.operation == record.id, signals.c.id <= consumed)
                conn.execute(signals.update().where(*heeded).values(consumed=True))
            unheard = conn.scalar(
                sa.select(sa.func.count()).where(signals.c.operation == record.id, signals.c.consumed.is_(False))
            )
            values["wake_at"] = now if unheard else wake_at  # a signal that came during the step is heard at once
            if conn.execute(operations.update().where(*mine).values(**values)).rowcount != 1:
                raise LeaseLost(f"{record.id} was taken over")
            if text is not None:
                _write_journal(conn, record.id, now, record.state, text)
            for fact in facts:
                append(conn, now, fact)
            if also:
                also(conn)
            return self._one(conn, record.id)

    def signal(self, identity: str, signal: Signal) -> None:
        """Leaves a signal and wakes the operation. Raises Conflict when it is over."""
        with writing(self.db) as conn:
            record = self._one(conn, identity)
            if record.result is not None:
                raise Conflict(f"{identity} is over: {record.result}", "there is nothing left to tell it")
            conn.execute(signals.insert().values(operation=identity, body=signal.model_dump(mode="json")))
            conn.execute(operations.update().where(operations.c.id == identity).values(wake_at=self.clock.now()))
            fact = Fact(
                verb=f"operation.{signal.kind}",
                subject=record.subject,
                actor=signal.actor,
                reason=signal.reason,
                details={"operation": identity},
            )
            append(conn, self.clock.now(), fact)

    def signals(self, identity: str) -> list[tuple[int, Signal]]:
        """Signals that no step has heeded yet, in order, with their row ids."""
        open_ones = (signals.c.operation == identity, signals.c.consumed.is_(False))
        with self.db.connect() as conn:
            rows = conn.execute(sa.select(signals).where(*open_ones).order_by(signals.c.id)).all()
        return [(row.id, Signal.model_validate(row.body)) for row in rows]

    def get(self, identity: str) -> OperationRecord:
        """Raises NotFound."""
        with self.db.connect() as conn:
            return self._one(conn, identity)

    def active(self, subject: str) -> OperationRecord | None:
        """The unfinished operation of a subject."""
        with self.db.connect() as conn:
            row = conn.execute(sa.select(operations).where(operations.c.open_subject == subject)).first()
        return _record(row) if row else None

    def journal(self, identity: str, after: int = 0) -> list[JournalLine]:
        """What an operation has done so far."""
        query = sa.select(journal).where(journal.c.operation == identity, journal.c.seq > after).order_by(journal.c.seq)
        with self.db.connect() as conn:
            rows = conn.execute(query).all()
        return [JournalLine(operation=r.operation, seq=r.seq, at=r.at, state=r.state, text=r.text) for r in rows]

    def next_wake(self) -> float | None:
        """When the next free operation is due (seconds since the epoch); None when there is none."""
        waiting = (operations.c.result.is_(None), operations.c.lease_until <= self.clock.now())
        with self.db.connect() as conn:
            due: float | None = conn.scalar(sa.select(sa.func.min(operations.c.wake_at)).where(*waiting))
        return due

    def _one(self, conn: sa.Connection, identity: str) -> OperationRecord:
        row = conn.execute(sa.select(operations).where(operations.c.id == identity)).first()
        if row is None:
            raise NotFound(f"no operation {identity}", "`stoneware history` shows them")
        return _record(row)

    def list(
        self, subject: str | None = None, unfinished: bool | None = None, limit: int = 50
    ) -> list[OperationRecord]:
        """Newest first."""
        query = sa.select(operations).order_by(operations.c.seq.desc()).limit(limit)
        if subject is not None:
            query = query.where(operations.c.subject == subject)
        if unfinished is not None:
            query = query.where(operations.c.result.is_(None) if unfinished else operations.c.result.is_not(None))
        with self.db.connect() as conn:
            return [_record(row) for row in conn.execute(query)]


def _write_journal(conn: sa.Connection, identity: str, at: float, state: str, text: str) -> None:
    last = conn.scalar(sa.select(sa.func.max(journal.c.seq)).where(journal.c.operation == identity)) or 0
    conn.execute(journal.insert().values(operation=identity, seq=last + 1, at=at, state=state, text=text))


FIELDS = tuple(OperationRecord.model_fields)


def _record(row: sa.Row) -> OperationRecord:  # type: ignore[type-arg]
    return OperationRecord.model_validate({name: row._mapping[name] for name in FIELDS})
