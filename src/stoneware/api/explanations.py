"""Explanations: one screen about one thing, or a few lines about everything."""

from __future__ import annotations

from fastapi import APIRouter

from stoneware.api.services import Given
from stoneware.model.explanation import Explanation

router = APIRouter(tags=["explanations"])


@router.get("/v1/explanations")
def explain_all(services: Given) -> list[Explanation]:
    """Every deployment, and what is under way and belongs to none."""
    return services.explaining.all()


@router.get("/v1/explanations/{name:path}")
def explain_one(services: Given, name: str) -> Explanation:
    """The deployment, machine, image or operation of that name; `machine:NAME` and the like when several have it."""
    return services.explaining.one(name)
