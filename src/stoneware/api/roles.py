"""Roles: who may agree to promotions. They belong to the installation, and every change is in the ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import StringConstraints

from stoneware.api.services import Actor, Given, Name, Reason, Why
from stoneware.model.role import RoleGrant

router = APIRouter(tags=["roles"])
Member = Annotated[str, StringConstraints(max_length=200, pattern=r"^[!-~]+$")]


class GrantRequest(Why):
    """Who gets the role, as the ledger names actors: `ann@host`."""

    actor: Member


@router.get("/v1/roles")
def list_roles(services: Given, role: Name | None = None) -> list[RoleGrant]:
    """Who has which role, or who has this one."""
    return services.store.roles.list(role)


@router.post("/v1/roles/{role}")
def grant_role(services: Given, role: Name, body: GrantRequest, actor: Actor) -> RoleGrant:
    """Gives somebody a role. Who has it keeps it as it was given."""
    return services.store.roles.grant(role, body.actor, actor, body.reason)


@router.delete("/v1/roles/{role}", status_code=204)
def revoke_role(services: Given, role: Name, member: Member, actor: Actor, reason: Reason = "") -> Response:
    """Takes a role from somebody."""
    services.store.roles.revoke(role, member, actor, reason)
    return Response(status_code=204)
