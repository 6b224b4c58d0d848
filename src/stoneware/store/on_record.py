"""What the ledger has of a release's making, and of which one is current: an entry can't be edited without notice, a row can."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from stoneware.decide.altered import WHOLE, altered
from stoneware.decide.release_ends import VERBS, Ends, edited, ends_of
from stoneware.model.ledger import Fact
from stoneware.store.tables import ledger, releases

MADE = (
    sa.select(ledger.c.fact)
    .where(ledger.c.subject == sa.bindparam("subject"), ledger.c.fact["verb"].as_string() == "release.create")
    .order_by(ledger.c.seq)
    .limit(1)
)
"""The first such entry: a number is given once, so another one would be somebody's who wants to have it otherwise."""
ENDED = (
    sa.select(ledger.c.fact)
    .where(
        ledger.c.subject == sa.bindparam("subject"),
        ledger.c.fact["verb"].as_string().in_(("rollout.succeeded", "teardown.succeeded")),
    )
    .order_by(ledger.c.seq.desc())
    .limit(1)
)
"""What made a release current, or ended the deployment, last."""
NONE_CURRENT = 0
ENDS = (
    sa.select(ledger.c.fact)
    .where(ledger.c.subject == sa.bindparam("subject"), ledger.c.fact["verb"].as_string().in_(VERBS))
    .order_by(ledger.c.seq)
)
"""All that says what became of a deployment's releases."""
STANDINGS = (
    sa.select(releases.c.number, releases.c.state, releases.c.became_current)
    .where(releases.c.deployment == sa.bindparam("name"))
    .order_by(releases.c.number)
)
ROW = sa.select(sa.cast(releases.c.body, sa.Text)).where(
    releases.c.deployment == sa.bindparam("name"), releases.c.number == sa.bindparam("nth")
)


def body_on_record(conn: sa.Connection, deployment: str, number: int) -> Any:
    """The whole release as JSON; None where no entry has it."""
    fact = conn.scalar(MADE, {"subject": f"{deployment}#{number}"})
    manifest = fact["details"].get("manifest") if fact else None
    return json.loads(manifest) if manifest else None


def altered_on_record(conn: sa.Connection, deployment: str, number: int) -> tuple[str, ...] | None:
    """The places in which a release's row isn't what is on record. None where that can't be said: no entry has the whole
    release, or there is no row."""
    once = body_on_record(conn, deployment, number)
    row = conn.scalar(ROW, {"name": deployment, "nth": number})
    if once is None or row is None:
        return None
    try:
        return altered(json.loads(row), once)
    except ValueError:  # it isn't even JSON any more
        return (WHOLE,)


def current_on_record(conn: sa.Connection, deployment: str) -> int | None:
    """The number of the release that is current; `NONE_CURRENT` where the deployment was destroyed. None where the ledger has
    neither."""
    fact = conn.scalar(ENDED, {"subject": deployment})
    return None if fact is None else int(fact["details"].get("target", NONE_CURRENT))


def ends_on_record(conn: sa.Connection, deployment: str) -> Ends:
    """What became of a deployment's releases."""
    return ends_of(Fact.model_validate(fact) for fact in conn.scalars(ENDS, {"subject": deployment}))


def edited_ends(conn: sa.Connection, deployment: str) -> list[tuple[int, str, str, str]]:
    """Where rows say something else of what became of a deployment's releases than the ledger: number, what it is about, what is
    on record, what the row says."""
    rows = [(row.number, row.state, row.became_current) for row in conn.execute(STANDINGS, {"name": deployment})]
    return edited(ends_on_record(conn, deployment), rows)
