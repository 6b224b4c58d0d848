"""Promotions from one environment to the next: plan, ask, approve, reject, look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from stoneware.api.services import Actor, Declared, Forced, Given, GivenReason, Key, Name, Why
from stoneware.model.promotion import Promotion, PromotionPlan
from stoneware.operations.promoting import Wanted
from stoneware.operations.telling import plan_told
from stoneware.spec.environments import targets
from stoneware.spec.load import parse

router = APIRouter(tags=["promotions"])
Identity = Annotated[str, StringConstraints(max_length=64)]


class PromotionWish(Declared):
    """A declared deployment, the environment that it comes from (`source`), and the one that it comes to. `force` names gates to
    go past, with a reason."""

    source: Name
    environment: Name
    deployment: Name
    force: Forced = ()


class PromotionRequest(PromotionWish):
    """`seen` is what was agreed to: with it, anything else is a conflict."""

    seen: PromotionPlan | None = None


class Rejection(Why):
    """Why not."""

    reason: GivenReason


@router.post("/v1/promotion-plan")
def plan_promotion(services: Given, body: PromotionWish, actor: Actor) -> PromotionPlan:
    """What a promotion would change now, and how each gate is. Takes a fresh look where a gate asks for one; changes nothing."""
    found = services.promoting.plan(_wanted(body), actor, body.reason)
    services.enter("release.plan", found.plan.deployment, actor, body.reason, plan_told(found.plan))
    return found


@router.post("/v1/promotions", status_code=202)
def promote(services: Given, body: PromotionRequest, actor: Actor, key: Key = None) -> Promotion:
    """Begins a rollout of what runs in the environment before, or waits for the approval that is declared."""
    made = services.promoting.request(_wanted(body), actor, body.reason, key, body.seen)
    services.worker.poke()
    return made


@router.get("/v1/promotions")
def list_promotions(services: Given) -> list[Promotion]:
    """The newest promotions, newest first."""
    return services.store.promotions.list()


@router.get("/v1/promotions/{identity}")
def show_promotion(services: Given, identity: Identity) -> Promotion:
    """One promotion, whole."""
    return services.store.promotions.get(identity)


@router.post("/v1/promotions/{identity}/approve", status_code=202)
def approve_promotion(services: Given, identity: Identity, body: Why, actor: Actor) -> Promotion:
    """Agrees to a promotion that waits for the actor's role: its gates are asked once more, and it starts."""
    made = services.promoting.approve(identity, actor, body.reason)
    services.worker.poke()
    return made


@router.post("/v1/promotions/{identity}/reject")
def reject_promotion(services: Given, identity: Identity, body: Rejection, actor: Actor) -> Promotion:
    """Says no to a promotion that waits, or takes one's own back."""
    return services.promoting.reject(identity, actor, body.reason)


def _wanted(body: PromotionWish) -> Wanted:
    known = targets(parse(body.text, body.file, Path(body.folder)).document)
    return Wanted(body.source, body.environment, body.deployment, known, body.force)
