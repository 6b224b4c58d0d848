"""Images of our own as bases: `FROM critter-base/3`. What is wrong with such a base is wrong with all that stands on it, so a
manifest names it by its own digest.
"""

from __future__ import annotations

from pathlib import Path

from stoneware.bake.base import image_digest
from stoneware.bake.verify import check_container
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.model.image import Artifact


def remember_build(home: Home, digest: str, built: str) -> None:
    """Notes which built image a sealed one was made from, so that others can be built on it."""
    folder = home.build / "built"
    folder.mkdir(mode=0o700, exist_ok=True)
    write_atomic(folder / digest.removeprefix("sha256:"), built)


def is_remembered(home: Home, built: str) -> bool:
    """Whether a sealed image was made from this build: equal recipes give equal builds, so a second one may be the first."""
    folder = home.build / "built"
    return any(path.read_text() == built for path in folder.iterdir()) if folder.is_dir() else False


def offer_base(space: Workspace, name: str, artifact: Artifact) -> None:
    """Makes a sealed image known to the build as `name` (FAMILY/N). Raises BakeFailed when what it was built from is gone."""
    built = _built(space.home, artifact.manifest.digest)
    if built is None or image_digest(space, built) is None:
        if not artifact.oci.is_dir():
            hint = (
                f"bake {artifact.manifest.family} again, or start from an image that is delivered as a container, too"
            )
            raise BakeFailed(
                f"the layers that {name} was built from are gone",
                f"FROM {name}",
                next_step=hint,
                code="base-unavailable",
            )
        check_container(artifact, f"image {name}")
        # named relative to its folder, for buildah makes a name of the path, and names have no capitals
        built = space.buildah("pull", "--quiet", "oci:oci", quiet=True, cwd=artifact.folder).stdout.strip()
    space.buildah("tag", built, f"localhost/{name}", quiet=True)


def _built(home: Home, digest: str) -> str | None:
    path: Path = home.build / "built" / digest.removeprefix("sha256:")
    return path.read_text() if path.is_file() else None
