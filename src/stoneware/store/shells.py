"""Break-glass sessions as rows. One is begun together with the taint that it is: no crash can leave one without the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import Conflict, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.shell import ShellSession, WantedShell
from stoneware.model.taint import TaintSource
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import operations, shell_sessions
from stoneware.store.taints import Taints

SEE = "`stoneware shell --list` shows them"


@dataclass(frozen=True)
class Shells:
    """Who was let in where, and when it was over."""

    db: sa.Engine
    clock: Clock

    def begin(self, wanted: WantedShell) -> ShellSession:
        """Session, taint and the ledger's entries, all before anybody is let in.

        Raises Conflict while somebody else is in, and while an operation is under way for the machine's deployment.
        """
        now = self.clock.now()
        with writing(self.db) as conn:
            self._must_be_free(conn, wanted)
            row = {"machine": wanted.machine, "open_machine": wanted.machine, "body": {}}
            given = conn.execute(shell_sessions.insert().values(**row)).inserted_primary_key
            number = given[0] if given else 0
            session = ShellSession(**wanted.model_dump(), id=f"shell-{number}", began_at=now)
            conn.execute(_row(number).values(body=session.model_dump(mode="json")))
            details = {"session": session.id, "limit_s": f"{wanted.limit_s:g}", "drain": str(wanted.drain).lower()}
            append(
                conn,
                now,
                Fact(
                    verb="machine.shell",
                    subject=wanted.machine,
                    actor=wanted.actor,
                    reason=wanted.reason,
                    details=details,
                ),
            )
            taint = wanted.model_dump(include={"machine", "made_at", "deployment", "engine", "actor", "reason"})
            own = {"source": TaintSource.SHELL, "session": session.id, "drained": wanted.drain}
            Taints(self.db, self.clock).add({**taint, **own}, conn)
        return session

    def _must_be_free(self, conn: sa.Connection, wanted: WantedShell) -> None:
        inside = sa.select(shell_sessions.c.body).where(shell_sessions.c.open_machine == wanted.machine)
        known = conn.scalar(inside)
        if known is not None:
            by = ShellSession.model_validate(known)
            raise Conflict(
                f"{by.actor} is in {wanted.machine} ({by.id}: {by.reason})", "one at a time: wait for its end"
            )
        busy = sa.select(operations.c.id).where(operations.c.open_subject == wanted.deployment)
        operation = conn.scalar(busy)
        if operation is not None:
            why = f"{operation} is under way for {wanted.deployment}, and {wanted.machine} may be part of it"
            raise Conflict(
                why, f"wait for it (`stoneware history {operation} --watch`), or `stoneware abort {operation}`"
            )

    def end(self, identity: str, because: str, transcript: str, size_bytes: int) -> ShellSession:
        """The session is over, and what its transcript's SHA-256 is stands in the ledger. Over already: as it is."""
        now = self.clock.now()
        with writing(self.db) as conn:
            session = self._one(conn, identity)
            if session.ended_at is not None:
                return session
            told = {"because": because, "transcript": transcript, "transcript_bytes": size_bytes}
            ended = session.model_copy(update={"ended_at": now, **told})
            row = {"open_machine": None, "ended_at": now, "body": ended.model_dump(mode="json")}
            conn.execute(_row(_number(identity)).values(**row))
            details = {
                "session": identity,
                "because": because,
                "seconds": f"{now - session.began_at:.1f}",
                "transcript": f"sha256:{transcript}" if transcript else "none",
                "transcript_bytes": str(size_bytes),
            }
            verb, subject = "machine.shell.end", session.machine
            fact = Fact(verb=verb, subject=subject, actor=session.actor, reason=session.reason, details=details)
            append(conn, now, fact)
        return ended

    def get(self, identity: str) -> ShellSession:
        """Raises NotFound."""
        with self.db.connect() as conn:
            return self._one(conn, identity)

    def open(self) -> list[ShellSession]:
        """Those that aren't over."""
        query = sa.select(shell_sessions.c.body).where(shell_sessions.c.ended_at.is_(None))
        with self.db.connect() as conn:
            return [ShellSession.model_validate(body) for body in conn.scalars(query)]

    def _one(self, conn: sa.Connection, identity: str) -> ShellSession:
        body = conn.scalar(sa.select(shell_sessions.c.body).where(shell_sessions.c.seq == _number(identity)))
        if body is None:
            raise NotFound(f"no session {identity}", SEE)
        return ShellSession.model_validate(body)

    def list(self, limit: int = 50) -> list[ShellSession]:
        """Newest first."""
        query = sa.select(shell_sessions.c.body).order_by(shell_sessions.c.seq.desc()).limit(limit)
        with self.db.connect() as conn:
            return [ShellSession.model_validate(body) for body in conn.scalars(query)]


def _row(number: int) -> Any:
    return shell_sessions.update().where(shell_sessions.c.seq == number)


def _number(identity: str) -> int:
    """Raises NotFound for what is no session's name."""
    kind, _, number = identity.partition("-")
    if kind != "shell" or not number.isdecimal() or len(number) > 15:
        raise NotFound(f"no session {identity}", SEE)
    return int(number)
