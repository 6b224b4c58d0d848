"""Recipes of the bench, and the image that its machines start from: the example's version 1, baked as the product bakes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from demo.stage import EXAMPLE

from bench.ground import Ground, say
from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.workspace import PRINTED, workspace
from stoneware.clock import SystemClock
from stoneware.model.deployment import ImageSpec
from stoneware.model.image import Artifact
from stoneware.model.machine import WantedMachine
from stoneware.spec.load import load

FAMILY = "critter-web"
MEMORY_BYTES = 256 * 2**20


def version_1(ground: Ground) -> Artifact:
    """The example behind NGINX, sealed in the bench's home. Its `/version` answers without a disk."""
    return ground.once("version 1", lambda: _bake(ground))


def wanted_machine(artifact: Artifact) -> WantedMachine:
    """The machine that starts are measured with."""
    return WantedMachine(
        name="bench-web-r1-0",
        owner="bench",
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=MEMORY_BYTES,
        ports=(80,),
        config={"MOTD": "measured"},
    )


def copy_example(ground: Ground, name: str) -> Path:
    """The example's repository at version 1, in a folder that may be changed."""
    folder = ground.folder / "work" / name
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("version-2", "__pycache__"))
    return folder


def image_spec(folder: Path) -> ImageSpec:
    """How the example declares its image."""
    return load(folder).document.images[FAMILY]


def say_own(text: str) -> None:
    """Our own words in a bake's log, without what its programs print."""
    if not text.startswith(PRINTED):
        say(text)


PLAIN = """\
FROM stoneware/debian:12 AS tools
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static && rm -rf /var/lib/apt/lists/*
FROM scratch
COPY --from=tools /bin/busybox /bin/busybox
COPY version /srv/version
ENTRYPOINT ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/srv"]
"""


def plain(ground: Ground) -> Artifact:
    """An image without an init: one program that serves `/version`."""
    return ground.once("plain", lambda: _bake_plain(ground))


def _bake_plain(ground: Ground) -> Artifact:
    folder = ground.folder / "work" / "plain"
    folder.mkdir(parents=True)
    (folder / "Containerfile").write_text(PLAIN)
    (folder / "version").write_text("1\n")
    return _seal(ground, folder, ImageSpec(), "plain", ())


def _bake(ground: Ground) -> Artifact:
    say("baking version 1 of the example (about a minute the first time)")
    folder = copy_example(ground, "version-1")
    return _seal(ground, folder, image_spec(folder), FAMILY, ("/var/lib/critter",))


def _seal(ground: Ground, folder: Path, spec: ImageSpec, family: str, mounts: Sequence[str]) -> Artifact:
    with workspace(ground.home, folder.name, say_own) as space:
        files = recipe.find_recipe(folder, spec.containerfile, spec.context)
        built = build.build(space, files, SystemClock().now())
        return seal.seal(
            space,
            built.image,
            family=family,
            recipe=origin.describe(files, built.base),
            pack=ensure_boot_pack(space),
            writable=spec.writable,
            mounts=mounts,
            deliver=("vm", "container"),
        )
