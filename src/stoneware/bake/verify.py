"""Whether a stored image is what its name says: every file against the manifest, the manifest against the name."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from stoneware.errors import NotFound, Refused
from stoneware.host.files import sha256_of
from stoneware.model.image import Artifact, Manifest


def load(images: Path, digest: str) -> Artifact:
    """An image's files by digest, unchecked. Raises NotFound or Refused."""
    folder = images / digest.removeprefix("sha256:")
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        raise NotFound(f"the files of image {digest[:19]} are gone from {images}", "bake it again") from None
    except ValidationError:
        raise Refused(f"image {digest[:19]}: manifest.json can't be read", "bake it again") from None
    return Artifact(folder=folder, manifest=manifest)


def verify(images: Path, digest: str) -> Artifact:
    """The same, with every byte read. Raises Refused naming the first thing that is wrong."""
    artifact = load(images, digest)
    if artifact.manifest.digest != digest:
        raise Refused(f"image {digest[:19]}: manifest.json was changed", "bake it again")
    for role, sealed in artifact.manifest.files.items():
        path = artifact.file(role)
        if not path.is_file():
            raise Refused(f"image {digest[:19]}: {sealed.name} is missing", "bake it again")
        if path.stat().st_size != sealed.size_bytes:
            size = path.stat().st_size
            raise Refused(
                f"image {digest[:19]}: {sealed.name} has {size} bytes, not {sealed.size_bytes}", "bake it again"
            )
        if sha256_of(path) != sealed.sha256:
            raise Refused(f"image {digest[:19]}: {sealed.name} was changed", "bake it again")
    return artifact
