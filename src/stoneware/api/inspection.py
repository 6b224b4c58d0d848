"""Looks into images and environments: proofs, bills of materials, differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from stoneware.api.services import Actor, Declared, Given, Key, Name, Services
from stoneware.decide.environments import environments, only_in, releases_of
from stoneware.errors import BadInput, NotFound
from stoneware.model.inspection import EnvironmentDifference, EnvironmentView, ImageDifference, Verified
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.operations.bases import disks_of
from stoneware.operations.inspection import Inspection
from stoneware.operations.looking_back import LookingBack
from stoneware.operations.rebuild import RebuildFrame
from stoneware.spec.load import parse

router = APIRouter(tags=["inspection"])


@router.post("/v1/images/{ref:path}/verify")
def verify_image(services: Given, ref: str) -> Verified:
    """Reads every byte of an image and proves it, its signatures and its boot test; the first thing that is wrong is the answer."""
    return _inspection(services).verify(services.store.catalog.get(ref))


@router.post("/v1/images/{ref:path}/rebuild", status_code=202)
def rebuild_image(services: Given, ref: str, body: Declared, actor: Actor, key: Key = None) -> OperationRecord:
    """Bakes an image's recipe again from cold, and compares."""
    image = services.store.catalog.get(ref)
    if same := services.repeated(key, "rebuild", f"rebuild:{image.digest[7:19]}"):
        return same
    document = parse(body.text, body.file, Path(body.folder)).document
    if image.family not in document.images:
        raise NotFound(
            f"{body.file} declares no image {image.family}",
            "run it beside the recipe of the image",
            code="image-not-found",
        )
    frame = RebuildFrame(
        digest=image.digest,
        family=image.family,
        folder=body.folder,
        spec=document.images[image.family],
        mounts=tuple(disk.mount for disk in disks_of(document, image.family).values()),
    )
    return services.begin("rebuild", f"rebuild:{image.digest[7:19]}", frame, actor=actor, reason=body.reason, key=key)


@router.get("/v1/images/{ref:path}/sbom")
def show_sbom(services: Given, ref: str) -> dict[str, Any]:
    """The bill of materials of an image (CycloneDX 1.5)."""
    return _inspection(services).sbom(services.store.catalog.get(ref))


@router.get("/v1/image-diff")
def diff_images(services: Given, before: str, after: str) -> ImageDifference:
    """What differs between two images: packages, files, and what they are made of."""
    catalog = services.store.catalog
    return _inspection(services).diff(catalog.get(before), catalog.get(after))


@router.get("/v1/deployment-diff")
def diff_deployments(services: Given, before: str, after: str) -> EnvironmentDifference:
    """What differs between two deployments as they run, or two releases (`NAME#NUMBER`): settings, configuration, images."""
    return _inspection(services).diff_releases(_release(services, before), _release(services, after))


@router.get("/v1/environments")
def list_environments(services: Given) -> list[EnvironmentView]:
    """Every environment in which something runs, and what."""
    return environments(services.store.releases.currents())


@router.get("/v1/environment-diff")
def diff_environments(services: Given, before: Name, after: Name) -> list[EnvironmentDifference]:
    """What differs between two environments as they run: each deployment that is in one or both."""
    releases = services.store.releases.currents()
    sides = [releases_of(releases, before), releases_of(releases, after)]
    for name, found in zip((before, after), sides, strict=True):
        if not found:
            known = ", ".join(one.name for one in environments(releases)) or "none"
            raise NotFound(f"nothing runs in an environment {name}", f"known: {known}", code="environment-not-found")
    inspection, (old, new) = _inspection(services), sides
    return [
        inspection.diff_releases(old[name], new[name])
        if name in old and name in new
        else only_in(name, before if name in old else after)
        for name in sorted({*old, *new})
    ]


def _release(services: Services, named: str) -> Release:
    """The current release of `NAME`, or the one that `NAME#NUMBER` says."""
    name, hash_, number = named.partition("#")
    if hash_:
        if not number.isdecimal() or len(number) > 15:
            raise BadInput(
                f"{named!r} names no release", (), "write it like critter-junction#3", code="release-not-found"
            )
        return LookingBack(services.store).release(name, int(number))
    current = services.store.releases.current(name)
    if current is None:
        raise NotFound(f"{name} has no current release", "`stoneware status` shows what runs", code="release-not-found")
    return current


def _inspection(services: Services) -> Inspection:
    return Inspection(services.store, services.home)
