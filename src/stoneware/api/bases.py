"""Bases: what images are made from, and which of them are outdated."""

from __future__ import annotations

from fastapi import APIRouter

from stoneware.api.services import Actor, Given, Key, Why
from stoneware.bake.base import BASE, BaseRecord, base_record
from stoneware.model.image import ImageState
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord
from stoneware.operations.refresh import RefreshFrame

router = APIRouter(tags=["bases"])


class Base(Noun):
    """A base with the images made from it. `made` is null until it is made for the first time; `outdated` names the images in use
    that were made from another one."""

    name: str
    made: BaseRecord | None
    current: tuple[str, ...]
    outdated: tuple[str, ...]


@router.get("/v1/bases")
def list_bases(services: Given) -> list[Base]:
    """The bases that this installation makes itself."""
    made = base_record(services.home)
    current: list[str] = []
    outdated: list[str] = []
    for image in services.store.catalog.list():
        recipe = services.store.catalog.manifest(image.digest).recipe
        if recipe.base.removeprefix("localhost/") == BASE and image.state is not ImageState.OBSOLETE:
            (current if made and recipe.base_digest == made.digest else outdated).append(image.name)
    return [Base(name=BASE, made=made, current=tuple(current), outdated=tuple(outdated))]


@router.post("/v1/bases/refresh", status_code=202)
def refresh_base(services: Given, body: Why, actor: Actor, key: Key = None) -> OperationRecord:
    """Makes the base from the mirror's packages of today."""
    subject = f"base:{BASE}"
    if same := services.repeated(key, "refresh", subject):
        return same
    return services.begin("refresh", subject, RefreshFrame(), actor=actor, reason=body.reason, key=key)
