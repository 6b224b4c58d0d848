"""The installation's settings, and which releases there are: rows, beside what the ledger has of how they came to be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from stoneware.decide.settings import (
    CURRENT,
    GIVEN,
    KEPT,
    LET_GO,
    PINS,
    RELEASE,
    THERE,
    VERBS,
    edited,
    given_to,
    limits,
    pins,
    said,
    settings_after,
)
from stoneware.model.ledger import Fact
from stoneware.model.setting import Edited, Place, Settings
from stoneware.model.trigger import TriggerSpec
from stoneware.store.tables import (
    deployments,
    families,
    ledger,
    quarantine,
    release_images,
    release_secrets,
    releases,
    roles,
    triggers,
)

TOLD = (
    sa.select(ledger.c.seq, ledger.c.fact)
    .where(ledger.c.seq > sa.bindparam("after"), ledger.c.fact["verb"].as_string().in_(VERBS))
    .order_by(ledger.c.seq)
)
LAST = sa.select(sa.func.max(ledger.c.seq))


@dataclass
class SettingsRecord:
    """`edited` compares. What was read of the ledger is remembered, so that each entry is read once; `keys` are the ids of the keys
    that are believed now."""

    db: sa.Engine
    keys: Callable[[], Iterable[str]] = tuple
    _after: int = 0
    _on_record: Settings = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def edited(self) -> list[Edited]:
        """Where a row or a file says something else than the ledger. Files and rows aren't read in the same moment as entries
        everywhere, so what differs is looked at twice: what was just being decided is as decided by then."""
        with self._lock:
            first = self._compared()
            return [one for one in self._compared() if one in first] if first else []

    def _compared(self) -> list[Edited]:
        found: dict[Place, str] = {Place(one, "trusted key"): GIVEN for one in self.keys()}
        with self.db.connect() as conn:
            last = (
                conn.scalar(LAST) or 0
            )  # before the entries: one that comes between is read twice, and none is missed
            facts = [Fact.model_validate(row.fact) for row in conn.execute(TOLD, {"after": self._after})]
            found |= _rows(conn)
        self._on_record = settings_after(self._on_record, facts)
        self._after = max(last, self._after)
        return edited(self._on_record, found)


def whole(spec: TriggerSpec) -> str:
    """All that a trigger is, as an entry has it: what is as always isn't named, so that later versions may add to it."""
    return spec.model_dump_json(exclude_defaults=True)


def _rows(conn: sa.Connection) -> dict[Place, str]:
    found = {
        Place(row.role, given_to(row.actor)): GIVEN for row in conn.execute(sa.select(roles.c.role, roles.c.actor))
    }
    for row in conn.execute(sa.select(families.c.name, families.c.keep)):
        found[Place(row.name, "keep")] = said(limits(row.keep))
    for row in conn.execute(sa.select(triggers.c.name, triggers.c.body)):
        found[Place(f"trigger:{row.name}", "trigger")] = _spec(row.body)
    for row in conn.execute(sa.select(quarantine.c.machine, quarantine.c.body)):
        found[Place(row.machine, "quarantine")] = LET_GO if row.body.get("released_at") is not None else KEPT
    return found | _of_releases(conn)


def _of_releases(conn: sa.Connection) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for row in conn.execute(
        sa.select(deployments.c.name, deployments.c.current).where(deployments.c.current.is_not(None))
    ):
        found[Place(row.name, CURRENT)] = str(row.current)
    kept: dict[str, tuple[list[str], list[tuple[str, int]]]] = {}
    for row in conn.execute(sa.select(releases.c.deployment, releases.c.number)):
        found[Place(f"{row.deployment}#{row.number}", RELEASE)] = THERE
    for row in conn.execute(sa.select(release_images)):
        kept.setdefault(f"{row.deployment}#{row.number}", ([], []))[0].append(row.digest)
    for row in conn.execute(sa.select(release_secrets)):
        kept.setdefault(f"{row.deployment}#{row.number}", ([], []))[1].append((row.secret, row.version))
    return found | {Place(name, PINS): pins(digests, secrets) for name, (digests, secrets) in kept.items()}


def _spec(body: dict[str, object]) -> str:
    known = {name: value for name, value in body.items() if name in TriggerSpec.model_fields}
    try:
        return whole(TriggerSpec.model_validate(known))
    except ValueError:
        return "no trigger that could be"
