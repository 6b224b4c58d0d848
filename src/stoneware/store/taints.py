"""Taints as rows: set once, ended when the machine is gone, never taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.model.ledger import Fact
from stoneware.model.taint import Taint
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import taints


@dataclass(frozen=True)
class Taints:
    """Every change goes into the ledger in its own transaction."""

    db: sa.Engine
    clock: Clock

    def add(self, taint: dict[str, Any], conn: sa.Connection) -> Taint:
        """Marks a machine, in the caller's transaction. `taint` has all of a Taint but its `id` and `since`."""
        now = self.clock.now()
        whole = Taint(**taint, id=0, since=now)
        row = {"machine": whole.machine, "deployment": whole.deployment, "body": _body(whole)}
        given = conn.execute(taints.insert().values(**row)).inserted_primary_key
        details = {"source": str(whole.source), "made_at": f"{whole.made_at:.3f}", "engine": whole.engine}
        details |= {"session": whole.session} if whole.session else {}
        fact = Fact(
            verb="machine.taint", subject=whole.machine, actor=whole.actor, reason=whole.reason, details=details
        )
        append(conn, now, fact)
        return whole.model_copy(update={"id": given[0] if given else 0})

    def set(self, taint: dict[str, Any]) -> Taint:
        """Marks a machine. One that has a taint of the same source already gets no second one: that one is returned."""
        with writing(self.db) as conn:
            query = sa.select(taints).where(taints.c.machine == taint["machine"], taints.c.ended_at.is_(None))
            for known in map(_taint, conn.execute(query)):
                if (known.made_at, known.source) == (taint["made_at"], taint["source"]):
                    return known
            return self.add(taint, conn)

    def of(self, deployment: str | None = None, *, ended: bool = False) -> list[Taint]:
        """Those of machines that are there still, oldest first; with `ended`, all there ever were."""
        query = sa.select(taints).order_by(taints.c.id)
        if deployment is not None:
            query = query.where(taints.c.deployment == deployment)
        if not ended:
            query = query.where(taints.c.ended_at.is_(None))
        with self.db.connect() as conn:
            return [_taint(row) for row in conn.execute(query)]

    def end(self, taint: Taint, actor: str, reason: str) -> None:
        """The machine is gone, and its taint with it. Ended already: success."""
        now = self.clock.now()
        with writing(self.db) as conn:
            open_ = sa.and_(taints.c.id == taint.id, taints.c.ended_at.is_(None))
            if conn.execute(taints.update().where(open_).values(ended_at=now)).rowcount:
                details = {"source": str(taint.source), "since": f"{taint.since:.3f}"}
                fact = Fact(verb="taint.end", subject=taint.machine, actor=actor, reason=reason, details=details)
                append(conn, now, fact)


def _body(taint: Taint) -> dict[str, Any]:
    return taint.model_dump(mode="json", exclude={"id", "machine", "deployment", "ended_at"})


def _taint(row: Any) -> Taint:
    own = {"id": row.id, "machine": row.machine, "deployment": row.deployment, "ended_at": row.ended_at}
    return Taint.model_validate({**row.body, **own})
