"""Rows that nobody entered on record: operations that nobody began, words to operations that nobody said. Whoever can write the
database can write such a row; nothing is done because of one.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    .limit(1)
)
SAID = ENTERED.where(ledger.c.fact["actor"].as_string() == sa.bindparam("actor"))
END = operations.update().where(operations.c.id == sa.bindparam("identity"), operations.c.result.is_(None))


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
