"""Sealed containers for tests: the example's own recipes, baked as the product bakes them, each once."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.foundry import Foundry

from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.units import GENERATORS, MASKED
from stoneware.bake.workspace import workspace
from stoneware.clock import SystemClock
from stoneware.engines.container import ContainerEngine, Masks
from stoneware.engines.engine import Reveal, no_secrets
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.spec.load import load

MASKS = Masks(MASKED, GENERATORS)
WITHOUT_INIT = """\
RUN rm -f /sbin/init /lib/systemd/systemd && install -d -o www-data -m 700 /var/lib/nginx/body
ENTRYPOINT ["python3", "-u", "-m", "http.server", "--directory", "/srv/www", "80"]
"""
CREDENTIALS = """\
RUN printf '%s\\n' '[Service]' 'Type=oneshot' 'RemainAfterExit=yes' 'User=www-data' \\
    'LoadCredential=password:/run/secrets/DB_PASSWORD' 'ExecStart=sh -c "id -un; wc -c <%d/password"' \\
    'StandardOutput=truncate:/run/told' '[Install]' 'WantedBy=multi-user.target' >/etc/systemd/system/told.service && \\
    systemctl enable told.service
"""
AS_USER = """\
RUN rm -f /sbin/init /lib/systemd/systemd
USER www-data
ENTRYPOINT ["python3", "-u", "-m", "http.server", "--directory", "/srv/www", "8080"]
"""


def container_engine(home: Home, reveal: Reveal = no_secrets) -> ContainerEngine:
    """The engine as the daemon makes it."""
    return ContainerEngine(home, SystemClock(), MASKS, reveal)


@functools.cache
def sealed_container(foundry: Foundry) -> Artifact:
    """Version 1 of the example, with systemd as it comes."""
    return _bake(foundry, foundry.recipe(1))


@functools.cache
def plain_container(foundry: Foundry) -> Artifact:
    """The same without an init: its entrypoint is all that starts in it."""
    return _bake(foundry, _changed(foundry, "plain", WITHOUT_INIT), "/var/lib/critter")


@functools.cache
def credentials_container(foundry: Foundry) -> Artifact:
    """One with a service of another user that asks systemd for a secret, and writes to /run/told what it got."""
    return _bake(foundry, _changed(foundry, "credentials", CREDENTIALS))


@functools.cache
def users_container(foundry: Foundry) -> Artifact:
    """One whose entrypoint isn't root's."""
    return _bake(foundry, _changed(foundry, "users", AS_USER))


def _changed(foundry: Foundry, name: str, more: str) -> Path:
    """The example's recipe with something behind it."""
    folder = foundry.folder / name
    if not folder.exists():
        shutil.copytree(foundry.recipe(1), folder)
        with (folder / "Containerfile").open("a") as out:
            out.write(more)
    return folder


def _bake(foundry: Foundry, folder: Path, *writable: str) -> Artifact:
    image = load(folder).document.images["critter-web"]
    with workspace(foundry.home, f"container-{folder.name}", lambda line: None) as space:
        files = recipe.find_recipe(folder, image.containerfile, image.context)
        built = build.build(space, files, 0.0)
        return seal.seal(
            space,
            built.image,
            family="critter-web",
            recipe=origin.describe(files, built.base),
            pack=None,
            writable=(*image.writable, *writable),
            mounts=["/var/lib/critter"],
            deliver=("container",),
        )


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
        run_folder = engine.podman.run_folder
        shutil.rmtree(run_folder, ignore_errors=True)
        (run_folder.parent / f".{run_folder.name}.lock").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
