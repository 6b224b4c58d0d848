"""Operations as rows: begun once, told things, looked at. How a worker advances them stands in `leases.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from stoneware.errors import Conflict, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import JournalLine, OperationRecord, Result, Signal
from stoneware.store.database import writing
from stoneware.store.forged import End, is_said
from stoneware.store.leases import Also, Leases, record_of, write_journal
from stoneware.store.ledger import append
from stoneware.store.tables import journal, operations, signals


@dataclass(frozen=True)
class InLine:
    """An operation of a kind of which only so many go on at once. Times in seconds; `lane` is what it stands in the line for."""

    id: str
    state: str
    created_at: float
    queue_ttl_s: float
    lane: str


BY_ID = sa.select(operations).where(operations.c.id == sa.bindparam("identity"))
DECIDED = (Result.SUCCEEDED, Result.STUCK)
"""Ends of a repair after which something is otherwise. One that gave way, or went back, changed nothing."""


class Operations(Leases):
    """Nothing else writes operation state."""

    def create(
        self,
        *,
        kind: str,
        subject: str | None,
        actor: str,
        reason: str,
        state: str,
        frame: Noun,
        key: str | None = None,
        facts: Sequence[Fact] = (),
        also: Also | None = None,
        instead: bool = False,
        told: Mapping[str, str] = MappingProxyType({}),
    ) -> OperationRecord:
        """A new operation, `KIND-N`. The same idempotency `key` again returns the first one, as `repeated` does. `told` says in
        the ledger what it is about. Without a `subject` it is its own, so that any number of them go on at once.

        Raises Conflict while an unfinished operation has the same subject; with `instead`, that one is given up. A step of
        it that runs just now can't commit any more; `held_until` says when its effects are surely over.
        """
        now = self.clock.now()
        with writing(self.db) as conn:
            if key is not None and (same := _repeated(conn, key, kind, subject)):
                return same
            last = conn.scalar(sa.select(sa.func.max(operations.c.seq))) or 0
            identity = f"{kind}-{last + 1}"
            subject = identity if subject is None else subject
            busy = conn.execute(sa.select(operations).where(operations.c.open_subject == subject)).first()
            if busy is not None and not instead:
                now_in = f"{busy.state}: {busy.because}" if busy.because else busy.state
                raise Conflict(
                    f"{busy.id} is under way for {subject} ({now_in})",
                    f"wait for it (`stoneware history {busy.id} --watch`), or `stoneware abort {busy.id}`",
                    code="operation-under-way",
                )
            if busy is not None:
                self._give_up(conn, record_of(busy), identity, actor, reason)
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
                    written_at=now,
                )
            )
            details = {"operation": identity, **told}
            begun = Fact(verb=f"{kind}.begin", subject=subject, actor=actor, reason=reason, details=details)
            for fact in (*facts, begun):
                append(conn, now, fact)
            if also:
                also(conn)
            return self._one(conn, identity)

    def repeated(self, key: str, kind: str | None, subject: str | None) -> OperationRecord | None:
        """The operation that an earlier request with this idempotency key started, or sent a signal to. `kind` None: of any kind.

        Raises Conflict when that was another request: of another kind, or about another subject.
        """
        with self.db.connect() as conn:
            return _repeated(conn, key, kind, subject)

    def _give_up(self, conn: sa.Connection, record: OperationRecord, successor: str, actor: str, reason: str) -> None:
        now, why = self.clock.now(), f"given up for {successor}"
        values = {"result": Result.FAILED, "ended_at": now, "open_subject": None, "because": why}
        fenced = {**values, "lease_token": operations.c.lease_token + 1}
        conn.execute(operations.update().where(operations.c.id == record.id).values(**fenced))
        write_journal(conn, record.id, now, record.state, f"FAILED: {why}")
        details = {"operation": record.id, "for": successor}
        verb = f"{record.kind}.failed"
        append(conn, now, Fact(verb=verb, subject=record.subject, actor=actor, reason=reason or why, details=details))

    def signal(self, identity: str, signal: Signal, key: str | None = None) -> None:
        """Leaves a signal and wakes the operation. The same idempotency `key` again: success, without a second signal.

        Raises Conflict when the operation is over.
        """
        with writing(self.db) as conn:
            record = self._one(conn, identity)
            if key is not None and _repeated(conn, key, record.kind, record.subject):
                return
            if record.result is not None:
                raise Conflict(
                    f"{identity} is over: {record.result}", "there is nothing left to tell it", code="signal-refused"
                )
            conn.execute(signals.insert().values(operation=identity, body=signal.model_dump(mode="json"), key=key))
            conn.execute(operations.update().where(operations.c.id == identity).values(wake_at=self.clock.now()))
            fact = Fact(
                verb=f"operation.{signal.kind}",
                subject=record.subject,
                actor=signal.actor,
                reason=signal.reason,
                details={"operation": identity},
            )
            append(conn, self.clock.now(), fact)

    def told(self, identity: str) -> list[Signal]:
        """All signals that it was ever sent on record, heeded or not, in order."""
        query = sa.select(signals.c.body).where(signals.c.operation == identity).order_by(signals.c.id)
        with self.db.connect() as conn:
            bodies = [body for body in conn.scalars(query) if is_said(conn, identity, body)]
        return [Signal.model_validate(body) for body in bodies]

    def get(self, identity: str) -> OperationRecord:
        """Raises NotFound."""
        with self.db.connect() as conn:
            return self._one(conn, identity)

    def active(self, subject: str) -> OperationRecord | None:
        """The unfinished operation of a subject."""
        with self.db.connect() as conn:
            row = conn.execute(sa.select(operations).where(operations.c.open_subject == subject)).first()
        return record_of(row) if row else None

    def under_way(self) -> dict[str, OperationRecord]:
        """All unfinished operations, by subject."""
        query = sa.select(operations).where(operations.c.open_subject.is_not(None))
        with self.db.connect() as conn:
            return {row.subject: record_of(row) for row in conn.execute(query)}

    def line(self, kind: str) -> list[InLine]:
        """The unfinished operations of a kind, the oldest first, without their frames: many of them ask for it, and often."""
        unfinished = sa.and_(operations.c.kind == kind, operations.c.result.is_(None))
        frame = operations.c.frame
        told = (frame["queue_ttl_s"].as_float().label("ttl"), frame["lane"].as_string().label("lane"))
        query = sa.select(operations.c.id, operations.c.state, operations.c.created_at, *told).where(unfinished)
        with self.db.connect() as conn:
            rows = conn.execute(query.order_by(operations.c.seq)).all()
        return [InLine(row.id, row.state, row.created_at, row.ttl or 0.0, row.lane or "") for row in rows]

    def journal(self, identity: str, after: int = 0) -> list[JournalLine]:
        """What an operation has done so far."""
        query = sa.select(journal).where(journal.c.operation == identity, journal.c.seq > after).order_by(journal.c.seq)
        with self.db.connect() as conn:
            rows = conn.execute(query).all()
        return [JournalLine(operation=r.operation, seq=r.seq, at=r.at, state=r.state, text=r.text) for r in rows]

    def _one(self, conn: sa.Connection, identity: str) -> OperationRecord:
        row = conn.execute(BY_ID, {"identity": identity}).first()
        if row is None:
            raise NotFound(f"no operation {identity}", "`stoneware history` shows them", code="operation-not-found")
        return record_of(row)

    def decisive(self, subject: str) -> OperationRecord | None:
        """The last rollout or destroy of a deployment that ended: what is done with its disks meanwhile says nothing of it, nor
        does a repair that nobody asked for, unless the last of them got stuck."""
        by_itself = operations.c.frame["mends"].as_string().is_not(None)
        ended = sa.and_(operations.c.subject == subject, operations.c.result.is_not(None))
        those = sa.select(operations).where(ended, operations.c.kind.in_(("rollout", "teardown")))
        wanted = self._ended(those.where(~by_itself), 1)
        repair = self._ended(those.where(by_itself, operations.c.result.in_(DECIDED)), 1)
        stuck = bool(repair) and repair[0][1].result is Result.STUCK and (not wanted or repair[0][0] > wanted[0][0])
        last = repair if stuck else wanted
        return last[0][1] if last else None

    def ended(self, subject: str, kind: str | tuple[str, ...] | None = None, limit: int = 1) -> list[OperationRecord]:
        """Those of a subject that are over, the newest first; who began them and how and when they ended as the ledger has it.
        What a row alone says doesn't count: it decides what is healed, and what may be promoted."""
        query = sa.select(operations).where(operations.c.subject == subject, operations.c.result.is_not(None))
        if kind is not None:
            query = query.where(operations.c.kind.in_((kind,) if isinstance(kind, str) else kind))
        return [record for _, record in self._ended(query, limit)]

    def _ended(self, query: sa.Select[Any], limit: int) -> Sequence[tuple[int, OperationRecord]]:
        """The newest of those that a query finds, as far as they ended on record; with their row ids."""
        found: Sequence[tuple[int, OperationRecord]] = ()
        query = query.order_by(operations.c.seq.desc()).limit(limit)
        with self.db.connect() as conn:
            rows = conn.execute(query).all()
            while rows and len(found) < limit:
                known = self._ended_on_record(rows)
                there = [(row.seq, _as_entered(record_of(row), known[row.id])) for row in rows if row.id in known]
                found = (*found, *there)
                rows = conn.execute(query.where(operations.c.seq < rows[-1].seq)).all()
        return found[:limit]

    def list(
        self,
        subject: str | None = None,
        unfinished: bool | None = None,
        limit: int = 50,
        kind: str | tuple[str, ...] | None = None,
    ) -> list[OperationRecord]:
        """Newest first."""
        query = sa.select(operations).order_by(operations.c.seq.desc()).limit(limit)
        if subject is not None:
            query = query.where(operations.c.subject == subject)
        if kind is not None:
            query = query.where(operations.c.kind.in_((kind,) if isinstance(kind, str) else kind))
        if unfinished is not None:
            query = query.where(operations.c.result.is_(None) if unfinished else operations.c.result.is_not(None))
        with self.db.connect() as conn:
            return [record_of(row) for row in conn.execute(query)]


def _as_entered(record: OperationRecord, end: End) -> OperationRecord:
    return record.model_copy(update={"actor": end.actor, "result": end.result, "ended_at": end.at})


def _repeated(conn: sa.Connection, key: str, kind: str | None, subject: str | None) -> OperationRecord | None:
    told = sa.select(signals.c.operation).where(signals.c.key == key)
    row = conn.execute(sa.select(operations).where(sa.or_(operations.c.key == key, operations.c.id.in_(told)))).first()
    if row is not None and (kind not in (None, row.kind) or subject not in (None, row.subject)):
        raise Conflict(f"this idempotency key belongs to {row.id} of {row.subject}", "a new request needs a new key")
    return record_of(row) if row else None
