"""The door of the store of images: whoever brings files in, or takes those of a deleted image away, is alone in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from stoneware.bake.blobs import Blobs
from stoneware.bake.workspace import Workspace
from stoneware.host.files import locked, sync_folder
from stoneware.host.home import Home
from stoneware.model.image import Artifact, Manifest


@contextlib.contextmanager
def entrance(home: Home) -> Iterator[None]:
    """Held from the look at what is there until the files are in, or gone.

    A bake or an import is on record before it comes here: who finds none on record while it is here meets none afterwards.
    """
    with locked(home.build / ".entrance.lock"):
        yield


def bring_in(space: Workspace, folder: Path, manifest: Manifest) -> Artifact:
    """Moves a finished folder to the images. One that is there goes aside first, so there is hardly a moment without either."""
    images = space.home.images
    target, aside = images / manifest.digest.removeprefix("sha256:"), space.folder / "aside"
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    folder.rename(target)
    sync_folder(images)
    shutil.rmtree(aside, ignore_errors=True)
    for mended in Blobs(images / "blobs").mend_images(images):
        space.line(f"image {mended[:12]} has its files again")
    return Artifact(folder=target, manifest=manifest)
