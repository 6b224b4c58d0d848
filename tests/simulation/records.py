"""The store of a history: the product's own, on one database a process that is emptied for each history.

SQLAlchemy compiles statements once for each engine, so an engine for each history would be most of what a history costs.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sqlite3
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from tests.support.simulation import fresh_database

from stoneware.clock import Clock
from stoneware.model.drift import Drift, Quarantine
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Signal
from stoneware.model.release import Release
from stoneware.model.shell import ShellSession
from stoneware.model.taint import Taint
from stoneware.store.database import open_database
from stoneware.store.disk_schemas import DiskSchemas
from stoneware.store.drifts import Drifts
from stoneware.store.leases import CLOCK_SLACK_S, FIELDS
from stoneware.store.ledger import Ledger
from stoneware.store.lifecycle import Lifecycle
from stoneware.store.operations import Operations
from stoneware.store.promotions import Promotions
from stoneware.store.releases import Releases
from stoneware.store.roles import Roles
from stoneware.store.secrets import Secrets
from stoneware.store.shells import Shells
from stoneware.store.store import Store
from stoneware.store.tables import metadata
from stoneware.store.taints import Taints
from stoneware.store.triggers import Triggers

Hook = Callable[[str, str, str], None]
_open: list[tuple[sa.Engine, sqlite3.Connection]] = []


DUE = "result IS NULL AND lease_until <= :now AND (wake_at <= :now OR written_at > :future)"
CLAIM = (
    "UPDATE operations SET lease_owner = :worker, lease_until = :until, lease_token = lease_token + 1 WHERE seq ="
    f" (SELECT seq FROM operations WHERE {DUE} ORDER BY wake_at, seq LIMIT 1) RETURNING {', '.join(FIELDS)}"
)


class WatchedOperations(Operations):
    """What a step writes is an effect, too: `hook` hears of notes and commits, before and after.

    What is asked at every step, and is the same in one process, goes past SQLAlchemy, which takes most of a history's time. What is
    fenced (commits, notes) is the product's own.
    """

    def __init__(self, db: sa.Engine, clock: Clock, hook: Hook) -> None:
        super().__init__(db, clock)
        object.__setattr__(self, "hook", hook)

    def claim(self, worker: str, lease_s: float) -> OperationRecord | None:
        now = self.clock.now()
        given = {"now": now, "future": now + CLOCK_SLACK_S, "worker": worker, "until": now + lease_s}
        for row in look(CLAIM, given):
            known = dict(zip(FIELDS, row, strict=True))
            return OperationRecord.model_validate({**known, "frame": json.loads(known["frame"])})
        return None

    def noted(self, identity: str) -> set[str]:
        return {key for (key,) in look("SELECT key FROM notes WHERE operation = ?", identity)}

    def signals(self, identity: str) -> list[tuple[int, Signal]]:
        rows = look("SELECT id, body FROM signals WHERE operation = ? AND NOT consumed ORDER BY id", identity)
        return [(number, Signal.model_validate_json(body)) for number, body in rows]

    def commit(self, record: OperationRecord, **given: Any) -> OperationRecord:
        self.hook("before", "commit", record.id)  # type: ignore[attr-defined]
        done = super().commit(record, **given)
        self.hook("after", "commit", record.id)  # type: ignore[attr-defined]
        return done

    def note(self, record: OperationRecord, key: str, fact: Fact) -> None:
        self.hook("before", "note", key)  # type: ignore[attr-defined]
        super().note(record, key, fact)
        self.hook("after", "note", key)  # type: ignore[attr-defined]


class KnownReleases(Releases):
    """A release never changes but for its state, so it is read once in a history."""

    def __init__(self, db: sa.Engine, clock: Clock) -> None:
        super().__init__(db, clock)
        object.__setattr__(self, "known", {})

    def get(self, deployment: str, number: int) -> Release:
        known: dict[tuple[str, int, str], Release] = self.known  # type: ignore[attr-defined]
        row = look(
            "SELECT state, body ->> 'created_at' FROM releases WHERE deployment = ? AND number = ?", deployment, number
        )
        key = (deployment, number, str(row))
        if not row or key not in known:
            known[key] = super().get(deployment, number)
        return known[key]


class FewTaints(Taints):
    """Nobody gets into a machine of a history, so that there is nothing to be read."""

    def of(self, deployment: str | None = None, *, ended: bool = False) -> list[Taint]:
        return super().of(deployment, ended=ended) if look("SELECT 1 FROM taints LIMIT 1") else []


class FewShells(Shells):
    """The same of who is in."""

    def open(self) -> list[ShellSession]:
        return super().open() if look("SELECT 1 FROM shell_sessions LIMIT 1") else []


class FewDrifts(Drifts):
    """Nothing drifts in a history."""

    def of(self, deployment: str | None = None) -> list[Drift]:
        return super().of(deployment) if look("SELECT 1 FROM drift LIMIT 1") else []

    def quarantined(self, deployment: str | None = None) -> list[Quarantine]:
        return super().quarantined(deployment) if look("SELECT 1 FROM quarantine LIMIT 1") else []


def empty_store(clock: Clock, hook: Hook) -> Store:
    """A store without a row."""
    if not _open:
        path = fresh_database()
        atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
        beside = sqlite3.connect(path, isolation_level=None, timeout=30)
        _open.append((open_database(f"sqlite:///{path}"), beside))
    [(db, beside)] = _open
    beside.execute("BEGIN IMMEDIATE")
    for table in reversed(metadata.sorted_tables):
        beside.execute(f"DELETE FROM {table.name}")
    beside.execute("COMMIT")
    return Store(
        db=db,
        catalog=Lifecycle(db, clock),
        releases=KnownReleases(db, clock),
        operations=WatchedOperations(db, clock, hook),
        ledger=Ledger(db),
        secrets=Secrets(db, clock),
        disk_schemas=DiskSchemas(db, clock),
        taints=FewTaints(db, clock),
        shells=FewShells(db, clock),
        drifts=FewDrifts(db, clock),
        triggers=Triggers(db, clock),
        roles=Roles(db, clock),
        promotions=Promotions(db, clock),
    )


def look(query: str, *given: object) -> list[tuple[Any, ...]]:
    """What the database says, past the store: for looks that are taken thousands of times, and for those who check."""
    [(_, beside)] = _open
    return beside.execute(query, given[0] if given and isinstance(given[0], dict) else given).fetchall()
