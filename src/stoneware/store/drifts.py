"""Drift as rows: what counts now. That it began and that it ended are entries of the ledger, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.model.drift import Drift, Quarantine
from stoneware.model.ledger import Fact
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import drift, ledger, quarantine

ACTOR = "stoneware"
MADE = ("disk.create", "disk.clone")


@dataclass(frozen=True)
class Drifts:
    """What was found, and the machines that are kept for inspection because of it."""

    db: sa.Engine
    clock: Clock

    def of(self, deployment: str | None = None) -> list[Drift]:
        """Everything that counts now, in the order in which it was found."""
        query = sa.select(drift.c.body).order_by(drift.c.id)
        if deployment is not None:
            query = query.where(drift.c.deployment == deployment)
        with self.db.connect() as conn:
            return [Drift.model_validate(body) for body in conn.scalars(query)]

    def change(self, begun: Sequence[Drift], ended: Sequence[Drift], because: str = "") -> None:
        """Enters what began and what ended, each with its fact. Nothing of both: nothing is written."""
        if not (begun or ended):
            return
        over = {one.key for one in ended}
        deployments = {one.deployment for one in (*begun, *ended)}
        with writing(self.db) as conn:
            rows = conn.execute(sa.select(drift).where(drift.c.deployment.in_(deployments))).all()
            known = {Drift.model_validate(row.body).key: row.id for row in rows}
            for one in ended:  # whoever took its row away didn't take back that it began
                append(conn, self.clock.now(), _fact("drift.end", one, because))
            gone = [number for key, number in known.items() if key in over]
            conn.execute(drift.delete().where(drift.c.id.in_(gone)))
            for one in begun:
                if one.key not in known:
                    append(conn, self.clock.now(), _fact("drift.begin", one, because))
                    body = one.model_dump(mode="json")
                    conn.execute(drift.insert().values(deployment=one.deployment, body=body))

    def made_disks(self, names: Sequence[str]) -> frozenset[str]:
        """Which of these disks somebody made on record."""
        if not names:
            return frozenset()
        query = sa.select(ledger.c.subject).where(
            ledger.c.subject.in_(names), ledger.c.fact["verb"].as_string().in_(MADE)
        )
        with self.db.connect() as conn:
            return frozenset(conn.scalars(query))

    def quarantined(self, deployment: str | None = None) -> list[Quarantine]:
        """Machines that are kept for inspection, or were let go and are there still."""
        query = sa.select(quarantine.c.body).order_by(quarantine.c.machine)
        if deployment is not None:
            query = query.where(quarantine.c.deployment == deployment)
        with self.db.connect() as conn:
            return [Quarantine.model_validate(body) for body in conn.scalars(query)]

    def keep(self, one: Quarantine, conn: sa.Connection, actor: str = ACTOR) -> None:
        """From now on a machine is kept for inspection, in the caller's transaction."""
        self._put(conn, one)
        append(conn, self.clock.now(), _about("machine.quarantine", one, actor, one.why))

    def release(self, one: Quarantine, actor: str, reason: str) -> Quarantine:
        """A person has seen enough. Released already: unchanged."""
        if one.released_at is not None:
            return one
        fresh = one.model_copy(update={"released_at": self.clock.now()})
        with writing(self.db) as conn:
            self._put(conn, fresh)
            append(conn, self.clock.now(), _about("quarantine.release", one, actor, reason))
        return fresh

    def forget(self, one: Quarantine, reason: str) -> None:
        """The machine is gone."""
        with writing(self.db) as conn:
            conn.execute(quarantine.delete().where(quarantine.c.machine == one.machine))
            append(conn, self.clock.now(), _about("quarantine.end", one, ACTOR, reason))

    def _put(self, conn: sa.Connection, one: Quarantine) -> None:
        conn.execute(quarantine.delete().where(quarantine.c.machine == one.machine))
        row = {"machine": one.machine, "deployment": one.deployment, "body": one.model_dump(mode="json")}
        conn.execute(quarantine.insert().values(**row))


def _fact(verb: str, one: Drift, because: str) -> Fact:
    details = {
        "class": one.kind,
        "deployment": one.deployment,
        "severity": str(one.severity),
        "where": one.where,
        "expected": one.expected,
        "found": one.found,
    }
    return Fact(verb=verb, subject=one.subject, actor=ACTOR, reason=because, details=details)


def _about(verb: str, one: Quarantine, actor: str, reason: str) -> Fact:
    details = {"deployment": one.deployment, "made_at": f"{one.made_at:.3f}"}
    return Fact(verb=verb, subject=one.machine, actor=actor, reason=reason, details=details)
