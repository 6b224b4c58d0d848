"""What a recipe starts from, when it is an image of ours: found in the catalog, judged, and made known to the build."""

from __future__ import annotations

from collections.abc import Mapping

from stoneware.bake.build import BuildResult
from stoneware.bake.origin import describe
from stoneware.bake.our_base import offer_base
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.verify import load
from stoneware.bake.workspace import Workspace
from stoneware.decide.lifecycle import effective_state
from stoneware.errors import Refused
from stoneware.model.deployment import DiskSpec
from stoneware.model.document import Document
from stoneware.model.image import ImageState, Recipe
from stoneware.names import split_image_name
from stoneware.store.store import Store


def offer_bases(store: Store, space: Workspace, files: RecipeFiles, now: float) -> dict[str, str]:
    """Makes images of ours that a recipe takes something from known to its build. Returns their digests by name.

    Raises NotFound, or Refused for one whose new use is refused.
    """
    digests = {}
    for name in files.bases:
        plain = name.removeprefix("localhost/").removesuffix(":latest")
        if split_image_name(plain) is not None:
            image = store.catalog.get(plain)
            state = effective_state(image, now)
            if image.revoked_at is not None:
                why = f"the base {plain} is revoked: {image.revoked_reason}"
                raise Refused(why, "name another image in FROM", code="image-revoked")
            if state not in (ImageState.ACTIVE, ImageState.DEPRECATED):
                raise Refused(f"the base {plain} is {state}", "name another image in FROM", code="image-retired")
            offer_base(space, plain, load(space.home.images, image.digest))
            digests[name] = image.digest
    return digests


def described(files: RecipeFiles, built: BuildResult, ours: Mapping[str, str]) -> Recipe:
    """The recipe as it goes into a manifest; images of `ours` by their own digests."""
    others = {name: ours.get(name, digest) for name, digest in built.others.items()}
    return describe(files, ours.get(built.name, built.base), others)


def disks_of(document: Document, family: str) -> dict[str, DiskSpec]:
    """The disks that machines of this family get, in whatever deployment: one for each place that they are mounted at."""
    by_mount = {
        disk.mount: disk
        for deployment in document.deployments.values()
        for group in deployment.groups.values()
        if group.image.partition("/")[0] == family
        for disk in group.disks.values()
    }
    return {f"disk-{number}": by_mount[mount] for number, mount in enumerate(sorted(by_mount))}
