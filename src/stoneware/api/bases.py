"""Bases: what images are made from, and which of them are outdated."""

from __future__ import annotations

from fastapi import APIRouter

from stoneware.api.services import Actor, Given, Key, Why
from stoneware.bake.base import BASE, BaseRecord, base_record
from stoneware.decide.descent import descendants
from stoneware.decide.lifecycle import effective_state
from stoneware.model.image import ImageState
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord
from stoneware.operations.refresh import RefreshFrame

IN_USE = (ImageState.STAGED, ImageState.ACTIVE, ImageState.DEPRECATED)

router = APIRouter(tags=["bases"])


class Base(Noun):
    """A base with the images that stand on it, directly or through others. `made` is null until it is made for the first time;
    `outdated` names the images in use that stand on another one."""

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
    known, now = services.store.catalog.list(), services.clock.now()
    recipes = {image.digest: services.store.catalog.manifest(image.digest).recipe for image in known}
    ours = {digest for digest, recipe in recipes.items() if recipe.base.removeprefix("localhost/") == BASE}
    old = {digest for digest in ours if made is None or recipes[digest].base_digest != made.digest}
    parents = services.store.catalog.parents()
    stands = {digest: {digest, *descendants(digest, parents)} for digest in ours}
    behind = set().union(*(stands[digest] for digest in old))
    for image in known:
        if effective_state(image, now) in IN_USE and any(image.digest in those for those in stands.values()):
            (outdated if image.digest in behind else current).append(image.name)
    return [Base(name=BASE, made=made, current=tuple(current), outdated=tuple(outdated))]


@router.post("/v1/bases/refresh", status_code=202)
def refresh_base(services: Given, body: Why, actor: Actor, key: Key = None) -> OperationRecord:
    """Makes the base from the mirror's packages of today."""
    subject = f"base:{BASE}"
    if same := services.repeated(key, "refresh", subject):
        return same
    return services.begin("refresh", subject, RefreshFrame(), actor=actor, reason=body.reason, key=key)
