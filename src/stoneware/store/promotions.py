"""Promotions as rows: asked for once, decided once. What they are about never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import Conflict, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.promotion import Promotion, PromotionState
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import LARGEST_INTEGER, operations, promotions

PREFIX = "promotion-"
MOST_SHOWN = 200
ACTOR = "stoneware"
VERBS = {
    PromotionState.STARTED: "promotion.start",
    PromotionState.REJECTED: "promotion.reject",
    PromotionState.EXPIRED: "promotion.expire",
}


@dataclass(frozen=True)
class Promotions:
    """Every change goes into the ledger in its own transaction."""

    db: sa.Engine
    clock: Clock

    def ask(self, wanted: Mapping[str, Any], key: str | None) -> Promotion:
        """A request that is PENDING. `wanted` has all of a Promotion but its id, state and time. The same idempotency key again:
        the first one.

        Raises Conflict while another one waits for the same deployment; one whose time is over is ended.
        """
        now = self.clock.now()
        with writing(self.db) as conn:
            if key is not None and (same := conn.execute(_keyed(key)).first()):
                return _same(_promotion(same), str(wanted["agreed"].plan.deployment))
            last = conn.scalar(sa.select(sa.func.max(promotions.c.seq))) or 0
            made = Promotion.model_validate(
                {**wanted, "id": f"{PREFIX}{last + 1}", "state": PromotionState.PENDING, "created_at": now}
            )
            waits = conn.execute(sa.select(promotions).where(promotions.c.open_deployment == made.deployment)).first()
            if waits is not None:
                self._must_be_over(conn, _promotion(waits), now)
            row = {"seq": last + 1, "deployment": made.deployment, "open_deployment": made.deployment, "key": key}
            conn.execute(promotions.insert().values(**row, body=made.model_dump(mode="json")))
            append(conn, now, _fact("promotion.ask", made, made.actor, made.reason))
        return made

    def _must_be_over(self, conn: sa.Connection, waits: Promotion, now: float) -> None:
        if waits.at(now).state is not PromotionState.EXPIRED:
            raise Conflict(
                f"{waits.id} of {waits.actor} waits for {waits.deployment} already",
                f"`stoneware promotion show {waits.id}`; approve it, or reject it",
                code="operation-under-way",
            )
        self._decide(conn, waits, PromotionState.EXPIRED, ACTOR, "nobody agreed in time")

    def decide(
        self, promotion: Promotion, state: PromotionState, actor: str, reason: str, conn: sa.Connection | None = None
    ) -> None:
        """Starts or rejects one that is PENDING, in the caller's transaction if there is one: then its rollout is that which is
        under way for the deployment there. Raises Conflict when it was decided meanwhile."""
        if conn is not None:
            self._decide(conn, promotion, state, actor, reason)
            return
        with writing(self.db) as own:
            self._decide(own, promotion, state, actor, reason)

    def _decide(
        self, conn: sa.Connection, promotion: Promotion, state: PromotionState, actor: str, reason: str
    ) -> None:
        now = self.clock.now()
        stored = self._get(conn, promotion.id)
        if stored.at(now).state is not PromotionState.PENDING and state is not PromotionState.EXPIRED:
            raise Conflict(f"{promotion.id} is {stored.at(now).state} meanwhile", "ask for another one")
        under_way = sa.select(operations.c.id).where(operations.c.open_subject == promotion.deployment)
        operation = conn.scalar(under_way) if state is PromotionState.STARTED else None
        decided = {
            "state": state,
            "decided_by": actor,
            "decided_at": now,
            "decided_because": reason,
            "operation": operation or "",
        }
        body = stored.model_copy(update=decided)
        values = {"open_deployment": None, "body": body.model_dump(mode="json")}
        conn.execute(promotions.update().where(promotions.c.seq == _number(promotion.id)).values(**values))
        append(conn, now, _fact(VERBS[state], body, actor, reason))

    def get(self, identity: str) -> Promotion:
        """As it counts now. Raises NotFound."""
        with self.db.connect() as conn:
            return self._get(conn, identity).at(self.clock.now())

    def repeated(self, key: str, deployment: str) -> Promotion | None:
        """What an earlier request with this idempotency key asked for. Raises Conflict when that led to another deployment."""
        with self.db.connect() as conn:
            row = conn.execute(_keyed(key)).first()
        return _same(_promotion(row).at(self.clock.now()), deployment) if row else None

    def list(self) -> list[Promotion]:
        """The newest ones, newest first, as they count now."""
        query = sa.select(promotions).order_by(promotions.c.seq.desc()).limit(MOST_SHOWN)
        with self.db.connect() as conn:
            return [_promotion(row).at(self.clock.now()) for row in conn.execute(query)]

    def last_started(self, deployment: str) -> Promotion | None:
        """The last one that led to a deployment, whatever became of its rollout."""
        query = sa.select(promotions).where(promotions.c.deployment == deployment).order_by(promotions.c.seq.desc())
        with self.db.connect() as conn:
            known = (_promotion(row) for row in conn.execute(query))
            return next((one for one in known if one.state is PromotionState.STARTED), None)

    def _get(self, conn: sa.Connection, identity: str) -> Promotion:
        row = conn.execute(sa.select(promotions).where(promotions.c.seq == _number(identity))).first()
        if row is None:
            raise NotFound(
                f"there is no promotion {identity}", "`stoneware promotion list` shows them", code="promotion-not-found"
            )
        return _promotion(row)


def _number(identity: str) -> int:
    """0, which no row has, for what is no such name."""
    digits = identity.removeprefix(PREFIX)
    known = digits != identity and digits.isascii() and digits.isdecimal() and len(digits) < len(str(LARGEST_INTEGER))
    return int(digits) if known else 0


def _same(known: Promotion, deployment: str) -> Promotion:
    if known.deployment != deployment:
        why = f"this idempotency key belongs to {known.id} of {known.deployment}"
        raise Conflict(why, "a new request needs a new key")
    return known


def _keyed(key: str) -> sa.Select:  # type: ignore[type-arg]
    return sa.select(promotions).where(promotions.c.key == key)


def _promotion(row: Any) -> Promotion:
    return Promotion.model_validate(row.body)


def _fact(verb: str, promotion: Promotion, actor: str, reason: str) -> Fact:
    agreed = promotion.agreed
    forced = {f"forced {gate.gate}": gate.says for gate in agreed.gates if gate.forced}
    details = {
        "promotion": promotion.id,
        "from": f"{agreed.source}#{agreed.source_release}",
        **agreed.digests,
        **({"operation": promotion.operation} if promotion.operation else {}),
        **({"role": promotion.role} if promotion.role else {}),
        **forced,
    }
    return Fact(verb=verb, subject=promotion.deployment, actor=actor, reason=reason, details=details)
