"""The life of an image: its timers, its revocation, what keeps it, and the end of what nothing keeps."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from stoneware.api.etags import IfMatch, must_match
from stoneware.api.services import (
    Actor,
    Given,
    GoodReason,
    ImageFate,
    ImageView,
    Name,
    Number,
    Pruned,
    PruneRequest,
    Revocation,
    Services,
    TimersRequest,
)
from stoneware.api.views import detail_of, view_of
from stoneware.decide.reach import why_kept
from stoneware.decide.retention import term
from stoneware.errors import Conflict, EngineError
from stoneware.model.image import ImageState
from stoneware.model.lifecycle import PrunePlan
from stoneware.operations.image_prune import ImagePrune
from stoneware.operations.usage import mentions_of, survey, unfinished
from stoneware.store.lifecycle import Guard

router = APIRouter(tags=["images"])


@router.post("/v1/images/{family}/{number}/timers")
def schedule_image(
    services: Given, family: Name, number: Number, body: TimersRequest, actor: Actor, if_match: IfMatch = None
) -> ImageView:
    """Sets timers of a published image, or takes them away. They never change what is stored."""

    times = body.times(services.clock.now())
    image = services.store.catalog.schedule(
        f"{family}/{number}", times, actor, body.reason, _as_seen(services, if_match)
    )
    return view_of(services, image)


@router.post("/v1/images/{ref:path}/revoke")
def revoke_image(services: Given, ref: str, body: GoodReason, actor: Actor, if_match: IfMatch = None) -> Revocation:
    """Refuses all new use of an image and of everything made from it. What runs goes on: it is listed."""
    revoked = services.store.catalog.revoke(ref, actor, body.reason, _as_seen(services, if_match))
    digests = [image.digest for image in revoked]
    pins, mentions = services.store.releases.pins(), mentions_of(services.store, unfinished(services.store))
    machines, notes = _machines_of(services, digests)
    return Revocation(
        revoked=tuple(view_of(services, image) for image in revoked),
        machines=machines,
        releases=tuple(dict.fromkeys(name for digest in digests for name in pins.get(digest, ()))),
        operations=tuple(dict.fromkeys(one for digest in digests for one in mentions.get(digest, ()))),
        notes=notes,
    )


@router.post("/v1/images/{ref:path}/reinstate")
def reinstate_image(services: Given, ref: str, body: GoodReason, actor: Actor, if_match: IfMatch = None) -> ImageView:
    """Takes the revocation of one image back. What was made from it stays revoked."""
    image = services.store.catalog.reinstate(ref, actor, body.reason, _as_seen(services, if_match))
    return view_of(services, image)


@router.get("/v1/images/{ref:path}/why-kept")
def why_image_is_kept(services: Given, ref: str) -> ImageFate:
    """What reaches an image, and whether its time is over."""
    image = services.store.catalog.get(ref)
    if image.state is ImageState.DELETED:
        raise Conflict(
            f"{image.name} is DELETED",
            f"`stoneware ledger show --subject {image.name}` says by whom and why",
            code="image-retired",
        )
    facts = survey(services.store, services.platforms, services.clock)
    rule = services.store.catalog.rules().get(image.family)
    said = term(image, facts.families.get(image.family, ()), rule, facts.now)
    return ImageFate(image=view_of(services, image), reasons=why_kept(image, facts), over=said.over, why=said.why)


@router.get("/v1/image-prune")
def plan_image_prune(services: Given) -> PrunePlan:
    """What a prune of images would do now. Changes nothing."""
    return _prune(services).plan()


@router.post("/v1/image-prune")
def prune_images(services: Given, body: PruneRequest, actor: Actor) -> Pruned:
    """Deletes the images whose time is over and that nothing reaches."""
    return Pruned(deleted=tuple(_prune(services).run(actor, body.reason, body.seen)))


def _as_seen(services: Services, if_match: str | None) -> Guard:
    """Objects to changing what isn't any more what the caller has seen."""
    return lambda image: must_match(if_match, lambda: detail_of(services, image))


def _machines_of(services: Services, digests: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the machines that have one of these images. An engine that is away is said, and stops nothing."""
    found, notes = [], []
    for platform in services.platforms.by_engine.values():
        try:
            found += [machine.name for machine in platform.engine.list_machines() if machine.digest in digests]
        except EngineError as away:
            notes.append(str(away))
    return tuple(sorted(found)), tuple(notes)


def _prune(services: Services) -> ImagePrune:
    return ImagePrune(services.store, services.platforms, services.clock)
