"""What a sealed image costs: to write, to keep, to prove, to make again."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from bench import packer
from bench.bakery import say_own
from bench.baking import kitchen
from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.verify import checks, load
from stoneware.bake.workspace import workspace
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.host.home import Home
from stoneware.model.image import Artifact, Manifest
from stoneware.operations.rebuild import differences

RUNS = 5
CHANGED_BYTES = 10 * 10**6


@benchmark("bake.one_file_s", unit="s", limit=1.0)
def one_file_s(ground: Ground) -> Figure:
    """A bake after a change of one file, on a base of about 300 MB: built, sealed, in the store; its boot test isn't counted."""
    with kitchen(ground) as cook:
        cook.bake()
        samples = []
        for _ in range(ground.runs(RUNS + 2)):
            cook.change()
            began = time.monotonic()
            manifest = cook.bake()
            samples.append(time.monotonic() - began)
            say(f"{samples[-1]:.2f} s")
            cook.forget(manifest)
    return Figure(samples, "`www/version`, the last thing that the recipe copies; another content each time")


@benchmark("bake.one_file_vs_packer", unit="ratio", limit=0.1)
def one_file_vs_packer(ground: Ground) -> Figure:
    """The same over Packer making the same change on a disk with a tree of the same size, in turns."""
    made = packer.base(ground)
    accelerator = QemuEngine(ground.home, SystemClock()).accelerator
    with kitchen(ground) as cook:
        cook.bake()
        pairs = []
        for _ in range(ground.runs(3)):
            theirs = packer.build_s(made, cook.change(), accelerator)
            began = time.monotonic()
            manifest = cook.bake()
            pairs.append((time.monotonic() - began, theirs))
            say(f"ours {pairs[-1][0]:.2f} s, packer {theirs:.2f} s")
            cook.forget(manifest)
    peer = statistics.median(theirs for _, theirs in pairs)
    detail = f"Packer's qemu builder on a backing file: start, one file over SSH, power off; {accelerator.name} (peer: its seconds)"
    return Figure([ours / theirs for ours, theirs in pairs], detail, peer=peer)


@benchmark("bake.bytes_ratio", unit="ratio", limit=2)
def bytes_ratio(ground: Ground) -> Figure:
    """Bytes that a bake adds to the store of images over bytes changed, for one file of 10 MB that can't be compressed."""
    with kitchen(ground) as cook:
        (cook.folder / "www" / "heavy").write_bytes(_noise(0))
        cook.bake()
        samples = []
        for turn in range(1, ground.runs(3) + 1):
            (cook.folder / "www" / "heavy").write_bytes(_noise(turn))
            before = stored_bytes(ground.home)
            manifest = cook.bake()
            samples.append((stored_bytes(ground.home) - before) / CHANGED_BYTES)
            say(f"{samples[-1]:.3f}")
            cook.forget(manifest)
    return Figure(
        samples, "files of the store counted once each; buildah's own cache of the step, about 1.0, is not in it"
    )


@benchmark("store.growth_ratio", unit="ratio", limit=0.1)
def growth_ratio(ground: Ground) -> Figure:
    """What a version that changes one file adds to the store, over the size of its image."""
    with kitchen(ground) as cook:
        cook.bake()
        samples = []
        for _ in range(ground.runs(3)):
            cook.change()
            before = stored_bytes(ground.home)
            manifest = cook.bake()
            samples.append((stored_bytes(ground.home) - before) / _size(manifest))
            say(f"{samples[-1]:.4f}")
            cook.forget(manifest)
    return Figure(samples, f"an image of {_size(manifest) / 1e6:.0f} MB")


@benchmark("bake.reproducible", unit="equal", at_least=1)
def reproducible(ground: Ground) -> Figure:
    """Whether two bakes, each without anything that was built or sealed before, give the same bytes, VM and container alike."""
    made: list[Artifact] = []
    samples: list[float] = []
    with kitchen(ground) as cook:
        for turn in ("first", "second", "third")[: max(2, ground.runs(2))]:
            say(f"baking from cold, {turn} time")
            made.append(_cold(ground, cook.folder, turn))
            if len(made) > 1:
                found = differences(made[0], made[-1])
                for line in found:
                    say(line)
                equal = made[0].manifest == made[-1].manifest and _same_bytes(made[0], made[-1])
                samples.append(float(equal and not found))
    return Figure(samples, "every file of the image and of the container's layout, compared byte by byte")


@benchmark("image.verify_ratio", unit="ratio", limit=2)
def verify_ratio(ground: Ground) -> Figure:
    """Seconds of a whole proof of an image over those of `sha256sum` of its files, one after the other, in turns."""
    with kitchen(ground) as cook:
        manifest = cook.bake()
        artifact = load(ground.home.images, manifest.digest)
        files = [artifact.file(role) for role in manifest.files]
        pairs = []
        for number in range(ground.runs(RUNS) + 1):
            ours = _timed(lambda: list(checks(ground.home.images, manifest.digest)))
            theirs = _timed(lambda: subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL))
            say(f"verify {ours:.2f} s, sha256sum {theirs:.2f} s")
            if number:  # the first fills the caches
                pairs.append((ours, theirs))
        cook.forget(manifest)
    peer = statistics.median(theirs for _, theirs in pairs)
    size = sum(sealed.size_bytes for sealed in manifest.files.values())
    detail = f"{size / 1e6:.0f} MB sealed, from a tree of about 300 MB: every file, every hash tree, the tree's digest"
    return Figure([ours / theirs for ours, theirs in pairs], f"{detail} (peer: sha256sum's seconds)", peer=peer)


def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(CHANGED_BYTES)  # noqa: S311 - it must be the same each time


def stored_bytes(home: Home) -> int:
    """What all images take on the disk; a file that several have counts once."""
    seen = {}
    for folder, _, names in os.walk(home.images):
        for name in names:
            status = (Path(folder) / name).lstat()
            seen[status.st_ino] = status.st_size
    return sum(seen.values())


def _size(manifest: Manifest) -> int:
    return sum(sealed.size_bytes for sealed in manifest.files.values())


def _timed(work: object) -> float:
    began = time.monotonic()
    work()  # type: ignore[operator]
    return time.monotonic() - began


def _cold(ground: Ground, folder: Path, turn: str) -> Artifact:
    """An image in a home of its own that has nothing of an earlier bake but the base."""
    home = Home(ground.folder / "cold" / turn)
    shutil.rmtree(home.root, ignore_errors=True)
    home.prepare()
    (home.build / "store").symlink_to(ground.home.build / "store")
    (home.build / "base.json").symlink_to(ground.home.build / "base.json")
    (home.build / "boot").symlink_to(ground.home.build / "boot")
    with workspace(home, f"cold-{turn}", say_own) as space:
        files = recipe.find_recipe(folder, "Containerfile", ".")
        built = build.build(space, files, SystemClock().now(), cold=True)
        return seal.seal(
            space,
            built.image,
            family="bench-web",
            recipe=origin.describe(files, built.base),
            pack=ensure_boot_pack(space),
            writable=(),
            deliver=("vm", "container"),
        )


def _same_bytes(one: Artifact, other: Artifact) -> bool:
    """Whether two images' folders hold the same files with the same content."""
    names = sorted(path.relative_to(one.folder) for path in one.folder.rglob("*") if path.is_file())
    if names != sorted(path.relative_to(other.folder) for path in other.folder.rglob("*") if path.is_file()):
        return False
    return all((one.folder / name).read_bytes() == (other.folder / name).read_bytes() for name in names)
