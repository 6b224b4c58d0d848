"""Roles as rows. They belong to the installation: a repository names them, and can't give them to anybody."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.decide.settings import given_to, settings_after
from stoneware.errors import NotFound
from stoneware.model.ledger import Fact
from stoneware.model.role import RoleGrant
from stoneware.model.setting import Place
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import ledger, roles

TOLD = (
    sa.select(ledger.c.fact)
    .where(
        ledger.c.subject == sa.bindparam("role"), ledger.c.fact["verb"].as_string().in_(("role.grant", "role.revoke"))
    )
    .order_by(ledger.c.seq)
)


@dataclass(frozen=True)
class Roles:
    """Every change goes into the ledger in its own transaction."""

    db: sa.Engine
    clock: Clock

    def grant(self, role: str, actor: str, by: str, reason: str) -> RoleGrant:
        """Gives a role to an actor. Who has it already keeps it as it was given."""
        with writing(self.db) as conn:
            known = conn.scalar(_one(role, actor))
            if known is not None:
                return RoleGrant.model_validate(known)
            made = RoleGrant(role=role, actor=actor, since=self.clock.now(), granted_by=by, reason=reason)
            conn.execute(roles.insert().values(role=role, actor=actor, body=made.model_dump(mode="json")))
            append(
                conn, made.since, Fact(verb="role.grant", subject=role, actor=by, reason=reason, details={"to": actor})
            )
        return made

    def revoke(self, role: str, actor: str, by: str, reason: str) -> None:
        """Takes a role away. Raises NotFound from one that hasn't it."""
        with writing(self.db) as conn:
            gone = conn.execute(roles.delete().where(roles.c.role == role, roles.c.actor == actor)).rowcount
            if not gone:
                raise NotFound(f"{actor} hasn't role {role}", "`stoneware role list` shows who has which")
            fact = Fact(verb="role.revoke", subject=role, actor=by, reason=reason, details={"from": actor})
            append(conn, self.clock.now(), fact)

    def has(self, role: str, actor: str) -> bool:
        """Whether an actor has a role now: by its row and on record. Who writes a row gives nobody a role."""
        with self.db.connect() as conn:
            row = conn.scalar(_one(role, actor))
            told = conn.scalars(TOLD, {"role": role}).all()
        granted = settings_after({}, map(Fact.model_validate, told))
        return row is not None and Place(role, given_to(actor)) in granted

    def list(self, role: str | None = None) -> list[RoleGrant]:
        """Who has which role; or who has this one."""
        query = sa.select(roles.c.body).order_by(roles.c.role, roles.c.actor)
        if role is not None:
            query = query.where(roles.c.role == role)
        with self.db.connect() as conn:
            return [RoleGrant.model_validate(body) for body in conn.scalars(query)]


def _one(role: str, actor: str) -> sa.Select:  # type: ignore[type-arg]
    return sa.select(roles.c.body).where(roles.c.role == role, roles.c.actor == actor)
