"""Container images of one program, busybox, baked in seconds as the product bakes them: without a base, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.model.image import Artifact

SHELL = "/bin/busybox sh -c"


def busybox() -> Path:
    """The host's, which needs no library."""
    found = shutil.which("busybox")
    assert found is not None, "install busybox-static"
    return Path(found)


def tiny_container(
    home: Home, folder: Path, lines: Sequence[str], *, family: str = "tiny", writable: tuple[str, ...] = ()
) -> Artifact:
    """An image of busybox and `lines` of a Containerfile; `folder` is their context."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox(), folder / "bin" / "busybox")
    (folder / "Containerfile").write_text("\n".join(["FROM scratch", "COPY bin /bin", *lines, ""]))
    with workspace(home, f"tiny-{family}", lambda _: None) as space:
        files = recipe.find_recipe(folder, "Containerfile", ".")
        built = build.build(space, files, 0.0)
        return seal.seal(
            space,
            built.image,
            family=family,
            recipe=origin.describe(files, built.base),
            pack=None,
            writable=writable,
            deliver=("container",),
        )
