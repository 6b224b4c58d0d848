"""Images and families."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Response

from stoneware.api.etags import WITH_ETAG, IfMatch, etag_of, must_match
from stoneware.api.services import (
    Actor,
    BakeRequest,
    Family,
    Given,
    ImageDetail,
    ImageView,
    Key,
    Name,
    Number,
    Reason,
    Why,
)
from stoneware.api.views import detail_of, family_of, view_of
from stoneware.errors import NotFound
from stoneware.model.deployment import ImageSpec
from stoneware.model.image import Image, ImageState
from stoneware.model.operation import OperationRecord
from stoneware.operations.bake import BakeFrame
from stoneware.operations.bases import disks_of
from stoneware.operations.usage import delete_image
from stoneware.spec.load import parse

router = APIRouter(tags=["images"])
VERBS = {
    "deprecate": ImageState.DEPRECATED,
    "obsolete": ImageState.OBSOLETE,
    "restore": ImageState.ACTIVE,
}


@router.get("/v1/images")
def list_images(services: Given, family: str | None = None, deleted: bool = False) -> list[ImageView]:
    """All images, by family and number."""
    found = services.store.catalog.list(family, deleted)
    if family is not None and not found:
        known = sorted({image.family for image in services.store.catalog.list(deleted=True)})
        if family not in known:
            raise NotFound(
                f"no image family {family}", f"there are: {', '.join(known) or 'none yet'}", code="image-not-found"
            )
    return [view_of(services, image) for image in found]


@router.post("/v1/bakes", status_code=202)
def bake_image(services: Given, body: BakeRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts a bake; the operation's log has what its programs print."""
    subject = f"family:{body.family}"
    if same := services.repeated(key, "bake", subject):
        return same
    document = parse(body.text, body.file, Path(body.folder)).document
    if body.family not in document.images:
        raise NotFound(
            f"{body.file} declares no image {body.family}",
            f"it declares: {', '.join(document.images) or 'none'}",
            code="image-not-found",
        )
    spec = document.images[body.family]
    if body.deliver:
        spec = ImageSpec.model_validate({**spec.model_dump(), "deliver": body.deliver})
    frame = BakeFrame(
        family=body.family,
        folder=body.folder,
        spec=spec,
        disks=disks_of(document, body.family),
        timers=body.timers,
    )
    return services.begin("bake", subject, frame, actor=actor, reason=body.reason, key=key)


@router.get("/v1/images/{ref:path}", responses=WITH_ETAG)
def show_image(services: Given, response: Response, ref: str) -> ImageDetail:
    """One image, by `family/N` or digest, with its manifest and the record of its boot test."""
    detail = detail_of(services, services.store.catalog.get(ref))
    response.headers["ETag"] = etag_of(detail)
    return detail


@router.post("/v1/images/{family}/{number}/{verb}")
def change_image(
    services: Given,
    family: Name,
    number: Number,
    verb: Literal["deprecate", "obsolete", "restore"],
    body: Why,
    actor: Actor,
    if_match: IfMatch = None,
) -> ImageView:
    """Moves a published image among its states. Timers that have come and say more than that are taken away."""

    def guard(image: Image) -> None:
        must_match(if_match, lambda: detail_of(services, image))

    changed = services.store.catalog.set_state(f"{family}/{number}", VERBS[verb], actor, body.reason, guard)
    return view_of(services, changed)


@router.delete("/v1/images/{family}/{number}", status_code=204)
def remove_image(
    services: Given, family: Name, number: Number, actor: Actor, reason: Reason = "", if_match: IfMatch = None
) -> Response:
    """Deletes an image that nothing uses."""

    def guard(image: Image) -> None:
        must_match(if_match, lambda: detail_of(services, image))

    delete_image(services.store, services.platforms, f"{family}/{number}", actor, reason, guard)
    return Response(status_code=204)


@router.get("/v1/families")
def list_families(services: Given) -> list[Family]:
    """All families, and what each resolves to now."""
    return [family_of(services, name) for name in services.store.catalog.families()]


@router.get("/v1/families/{name}")
def show_family(services: Given, name: Name) -> Family:
    """One family."""
    family = family_of(services, name)
    if not family.images:
        raise NotFound(f"no family {name}", "`stoneware family list` shows them", code="image-not-found")
    return family
