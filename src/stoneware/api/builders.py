"""Builders: what the names of images in build files stand for here, and those that the product makes itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from stoneware.api.services import Actor, Given, Key, Services, Why
from stoneware.errors import BadInput, NotFound
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord
from stoneware.operations.builder_making import BuilderFrame
from stoneware.pipeline.builders import Builders
from stoneware.pipeline.shipped import SHIPPED
from stoneware.spec.cloudbuild.places import is_transport

router = APIRouter(tags=["builders"])
ImageName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$")]


class Builder(Noun):
    """A name in build files, and the image that it stands for."""

    name: ImageName
    image: ImageName


class MapRequest(Why):
    """What a name stands for from now on."""

    name: ImageName
    image: ImageName


class UnmapRequest(Why):
    """Which name stands for itself again."""

    name: ImageName


class MakeRequest(Why):
    """Which of the shipped builders to make, anew if it is there."""

    name: ImageName


@router.get("/v1/builders")
def list_builders(services: Given) -> list[Builder]:
    """All names that stand for another image."""
    return [Builder(name=name, image=image) for name, image in sorted(_known(services).all().items())]


@router.post("/v1/builders/map")
def map_builder(services: Given, body: MapRequest, actor: Actor) -> Builder:
    """Lets a name in build files stand for an image of the builds' store, or of a registry."""
    if is_transport(body.image):
        raise BadInput(f"{body.image} is a place to fetch an image from, and no image", next_step="name an image")
    services.enter("builder.map", body.name, actor, body.reason, {"image": body.image})
    _known(services).map(body.name, body.image)
    return Builder(name=body.name, image=body.image)


@router.post("/v1/builders/unmap", status_code=204)
def unmap_builder(services: Given, body: UnmapRequest, actor: Actor) -> None:
    """Lets a name stand for itself again."""
    if body.name not in _known(services).all():
        raise NotFound(f"no builder is mapped as {body.name}", "`stoneware builder list` shows them")
    services.enter("builder.unmap", body.name, actor, body.reason)
    _known(services).unmap(body.name)


@router.post("/v1/builders/build", status_code=202)
def make_builder(services: Given, body: MakeRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Makes one of the builders that need no registry."""
    subject = f"builder:{body.name}"
    if same := services.repeated(key, "builder", subject):
        return same
    if body.name not in SHIPPED:
        raise NotFound(f"there is no builder {body.name} to make", f"there are: {', '.join(SHIPPED)}")
    frame = BuilderFrame(name=body.name)
    return services.begin("builder", subject, frame, actor=actor, reason=body.reason, key=key)


def _known(services: Services) -> Builders:
    return Builders(services.home.builds / "builders.json")
