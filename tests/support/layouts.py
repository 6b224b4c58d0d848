"""OCI image layouts for tests of containers: the example's own recipes, built as the product builds them, each once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.foundry import Foundry
from tests.support.simulation import manifest

from stoneware.bake import build, recipe
from stoneware.bake.units import GENERATORS, MASKED
from stoneware.bake.workspace import workspace
from stoneware.clock import SystemClock
from stoneware.engines.container import ContainerEngine, Masks
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.spec.load import load

MASKS = Masks(MASKED, GENERATORS)


def container_engine(home: Home) -> ContainerEngine:
    """The engine as the daemon makes it."""
    return ContainerEngine(home, SystemClock(), MASKS)


def sealed_layout(foundry: Foundry, version: int) -> Artifact:
    """A version of the example, with systemd as it comes."""
    source, folder = foundry.recipe(version), foundry.folder / f"layout-{version}"
    image = load(source).document.images["critter-web"]
    if not (folder / "oci").exists():
        folder.mkdir()
        with workspace(foundry.home, f"layout-{version}", lambda line: None) as space:
            files = recipe.find_recipe(source, image.containerfile, image.context)
            built = build.build(space, files)
            space.buildah("push", "--quiet", built, f"oci:{folder / 'oci'}")
    changes = {"writable": image.writable, "init": "/sbin/init"}
    return Artifact(folder=folder, manifest=manifest("critter-web", version).model_copy(update=changes))


def plain_layout(foundry: Foundry, entrypoint: Sequence[str], *writable: str) -> Artifact:
    """Version 1 without an init: its entrypoint is all that starts in it."""
    folder = foundry.folder / "layout-plain"
    if not (folder / "oci").exists():
        folder.mkdir()
        base = f"oci:{sealed_layout(foundry, 1).folder / 'oci'}"
        with workspace(foundry.home, "layout-plain", lambda line: None) as space:
            space.buildah("from", "--name", space.container, base, quiet=True)
            tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
            (tree / "var/lib/nginx/body").mkdir(mode=0o700)
            os.chown(tree / "var/lib/nginx/body", 33, 33)
            space.buildah("config", "--entrypoint", json.dumps(entrypoint), space.container, quiet=True)
            space.buildah("commit", "--quiet", "--format", "oci", space.container, f"oci:{folder / 'oci'}", quiet=True)
    changes = {"init": "", "writable": writable}
    return Artifact(folder=folder, manifest=manifest("critter-plain", 1).model_copy(update=changes))


def mounts_below(folder: Path) -> list[Path]:
    """What is mounted there, the newest first."""
    points = [Path(line.split(" ")[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if point.is_relative_to(folder)]


@contextmanager
def container_home(folder: Path) -> Iterator[Home]:
    """A home of its own, taken away without a trace: containers, mounts, podman's files."""
    home = Home(folder)
    home.prepare()
    try:
        yield home
    finally:
        engine = container_engine(home)
        for machine in engine.list_machines():
            engine.delete_machine(machine.name)
        for disk in engine.list_disks():
            engine.delete_disk(disk.name)
        for point in mounts_below(home.containers):
            run(["umount", point], timeout_s=60)
        shutil.rmtree(engine.podman.run_folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
