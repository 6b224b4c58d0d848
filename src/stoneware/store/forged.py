"""Rows that nobody entered on record: operations that nobody began, ends that none came to, words to operations that nobody said.
Whoever can write the database can write such a row; nothing is done because of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from stoneware.model.ledger import Fact
from stoneware.model.operation import Result
from stoneware.store.ledger import append
from stoneware.store.tables import ledger, operations, signals

VERB = "operation.refuse"
ACTOR = "stoneware"
ENTERED = (
    sa.select(ledger.c.seq)
    .where(
        ledger.c.subject == sa.bindparam("subject"),
        ledger.c.fact["verb"].as_string() == sa.bindparam("verb"),
        ledger.c.fact["details"]["operation"].as_string() == sa.bindparam("operation"),
    )
    .order_by(ledger.c.seq.desc())
    .limit(1)
)
SAID = ENTERED.where(ledger.c.fact["actor"].as_string() == sa.bindparam("actor"))
END = operations.update().where(operations.c.id == sa.bindparam("identity"), operations.c.result.is_(None))
ENDS = {result.value.lower(): result for result in Result}


class End(NamedTuple):
    """How an operation ended, as entries have it: who began it, with what result, and when (seconds since the epoch)."""

    actor: str
    result: Result
    at: float


def ends(conn: sa.Connection, subject: str, kinds: Mapping[str, str]) -> dict[str, End]:
    """Of operations of a subject, their kinds by their ids: the ends of those that began and ended on record."""
    operation, verb = ledger.c.fact["details"]["operation"].as_string(), ledger.c.fact["verb"].as_string()
    verbs = {f"{kind}.{how}" for kind in kinds.values() for how in ("begin", *ENDS)}
    told = sa.select(operation, verb, ledger.c.fact["actor"].as_string(), ledger.c.at)
    about = told.where(ledger.c.subject == subject, operation.in_(kinds), verb.in_(verbs))
    began, ended = dict[str, str](), dict[str, tuple[Result, float]]()
    for identity, what, actor, at in conn.execute(about.order_by(ledger.c.seq.desc()).limit(2 * len(kinds))):
        kind, _, how = what.rpartition(".")
        if kind == kinds[identity] and how == "begin":
            began[identity] = actor
        elif kind == kinds[identity]:
            ended[identity] = (ENDS[how], at)
    return {identity: End(actor, *ended[identity]) for identity, actor in began.items() if identity in ended}


def is_begun(conn: sa.Connection, identity: str, kind: str, subject: str) -> bool:
    """Whether an entry says that this operation began."""
    return conn.scalar(ENTERED, {"subject": subject, "verb": f"{kind}.begin", "operation": identity}) is not None


def is_said(conn: sa.Connection, identity: str, body: object) -> bool:
    """Whether an entry says that somebody told this operation what the row of a signal has."""
    if not isinstance(body, Mapping):
        return False
    kind, actor = str(body.get("kind", "")), str(body.get("actor", ""))
    subject = conn.scalar(sa.select(operations.c.subject).where(operations.c.id == identity))
    told = {"subject": subject, "verb": f"operation.{kind}", "operation": identity, "actor": actor}
    return conn.scalar(SAID, told) is not None


def refuse_operation(conn: sa.Connection, now: float, row: sa.Row) -> None:  # type: ignore[type-arg]
    """Ends an operation (its id, kind, subject and actor) that nobody began, and enters that."""
    why = "nobody began it on record"
    ended = {"result": Result.FAILED, "ended_at": now, "open_subject": None, "because": why}
    fenced = {**ended, "lease_token": operations.c.lease_token + 1}
    if conn.execute(END.values(**fenced), {"identity": row.id}).rowcount:
        _enter(conn, now, row.subject, why, {"operation": row.id, "kind": row.kind, "claimed": row.actor})


def refuse_end(conn: sa.Connection, now: float, row: sa.Row) -> None:  # type: ignore[type-arg]
    """Enters, once, that an operation's row (its id, kind, subject and actor) says that it is over, and no entry does."""
    if conn.scalar(ENTERED, {"subject": row.subject, "verb": VERB, "operation": row.id}) is None:
        details = {"operation": row.id, "kind": row.kind, "claimed": row.actor}
        _enter(conn, now, row.subject, "it didn't end on record", details)


def refuse_signal(conn: sa.Connection, now: float, row: sa.Row) -> None:  # type: ignore[type-arg]
    """Takes the row of a signal (its id, operation and body) away that nobody sent, and enters that."""
    if conn.execute(signals.delete().where(signals.c.id == row.id)).rowcount:
        subject = conn.scalar(sa.select(operations.c.subject).where(operations.c.id == row.operation))
        told = row.body if isinstance(row.body, Mapping) else {}
        details = {
            "operation": row.operation,
            "signal": str(told.get("kind", "")),
            "claimed": str(told.get("actor", "")),
        }
        _enter(conn, now, str(subject), "nobody said it on record", details)


def _enter(conn: sa.Connection, now: float, subject: str, why: str, details: dict[str, str]) -> None:
    append(conn, now, Fact(verb=VERB, subject=subject, actor=ACTOR, reason=why, details=details))
