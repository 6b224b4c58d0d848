"""The past: how everything was at a time, and how a machine came to be."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from stoneware.api.services import Given, Name
from stoneware.model.history import Moment, Origin
from stoneware.operations.looking_back import LookingBack

router = APIRouter(tags=["history"])


@router.get("/v1/history")
def show_moment(
    services: Given, at: Annotated[float, Query(allow_inf_nan=False)], deployment: Name | None = None
) -> Moment:
    """Machines, images, disks, routes and configuration as they were at a time (seconds since the epoch)."""
    return LookingBack(services.store).at(at, deployment)


@router.get("/v1/machines/{name}/origin")
def show_origin(services: Given, name: str) -> Origin:
    """How a machine came to be: release, operation, image, commit, who asked, and why. Also of one that is gone."""
    return LookingBack(services.store).blame(name)
