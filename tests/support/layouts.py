"""OCI image layouts for tests of containers: the example's own recipes, built as the product builds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.foundry import Foundry
from tests.support.simulation import manifest

from stoneware.bake import build, recipe
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.spec.load import load


def sealed_layout(foundry: Foundry, version: int, folder: Path) -> Artifact:
    """A version of the example, with systemd as it comes, in `folder/oci`."""
    source = foundry.recipe(version)
    image = load(source).document.images["critter-web"]
    with workspace(foundry.home, f"layout-{version}", lambda line: None) as space:
        files = recipe.find_recipe(source, image.containerfile, image.context)
        image_id = build.build(space, files)
        space.buildah("push", "--quiet", image_id, f"oci:{folder / 'oci'}")
    # the folder that the world's disk is mounted at has an owner of its own, so it tells whether owners are kept
    changes = {"writable": (*image.writable, "/var/cache/apt"), "init": "/sbin/init"}
    return Artifact(folder=folder, manifest=manifest("critter-web", version).model_copy(update=changes))


def entrypoint_layout(
    foundry: Foundry, version: int, folder: Path, entrypoint: Sequence[str], writable: str
) -> Artifact:
    """The same image without an init: its entrypoint is all that starts in it."""
    base = f"oci:{sealed_layout(foundry, version, folder / 'base').folder / 'oci'}"
    with workspace(foundry.home, f"entrypoint-{version}", lambda line: None) as space:
        space.buildah("from", "--name", space.container, base, quiet=True)
        words = [word for part in entrypoint for word in ("--entrypoint", part)]
        space.buildah("config", *words, space.container, quiet=True)
        space.buildah("commit", "--quiet", "--format", "oci", space.container, f"oci:{folder / 'oci'}", quiet=True)
    changes = {"init": "", "writable": (writable,)}
    return Artifact(folder=folder, manifest=manifest("critter-plain", version).model_copy(update=changes))


def remove_home(home: Home) -> None:
    """Takes away what is mounted below a home's containers; its folder goes with the test's own."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4]
        if Path(point).is_relative_to(home.containers):
            run(["umount", point], timeout_s=60)
