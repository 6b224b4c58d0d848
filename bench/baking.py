"""The wait of a developer who changed one file: the image is built, sealed and entered again. Its boot test is not counted.

What is measured is the product's own step BUILDING with its commit, as a worker of the daemon runs it.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.bakery import copy_example, image_spec
from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.bake.blobs import Blobs
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.host.home import Home
from stoneware.host.probe import ask
from stoneware.model.image import Manifest
from stoneware.model.listing import from_lines
from stoneware.operations.bake import Bake, BakeFrame
from stoneware.operations.platform import Platform
from stoneware.operations.runner import Runner
from stoneware.store.database import url_for
from stoneware.store.store import Store, open_store
from stoneware.traffic.haproxy import HaproxySwitch

RUNS = 7
FAMILY = "bench-web"

# half of each file is random and half is text, as in a tree of programs; equal in every build
BALLAST = """\
RUN python3 -c "import pathlib, random; \\
r = random.Random(1); \\
text = b'a recipe, a tree, an image that is sealed once and never changed;' * 312; \\
[(f.parent.mkdir(parents=True, exist_ok=True), f.write_bytes(r.randbytes(20000) + text[:20000])) \\
 for f in (pathlib.Path('/opt/ballast') / str(i // 100) / str(i) for i in range(2800))]"
"""
LAST_STEP = "COPY www /srv/www"


@benchmark("bake.rebake_s", unit="s", limit=5)
def rebake_s(ground: Ground) -> Figure:
    """A bake after a change of `www/version`, the last thing that the recipe copies; another content each time."""
    with kitchen(ground) as cook:
        say("baking the base of the recipe, about 300 MB (cached for the next run)")
        first = cook.bake()
        files, tree_bytes = _measure_tree(ground.home, first)
        samples = []
        for _ in range(ground.runs(RUNS)):
            cook.change()
            began = time.monotonic()
            manifest = cook.bake()
            samples.append(time.monotonic() - began)
            say(f"{samples[-1]:.2f} s")
            cook.forget(manifest)
    sealed = sum(first.files[f"layer-{number}"].size_bytes for number in range(len(first.layers)))
    detail = (
        f"tree of {tree_bytes / 1e6:.0f} MB in {files} files (the example's, and a RUN that writes 112 MB, half random and "
        f"half text), sealed to {sealed / 1e6:.0f} MB; built, sealed, manifest in the store; no boot test"
    )
    return Figure(samples, detail)


@dataclass(frozen=True)
class Kitchen:
    """A repository with a heavy base, and a store that images are entered into."""

    home: Home
    folder: Path
    store: Store
    runner: Runner

    def change(self) -> Path:
        """Gives a file a content that no earlier build has had. Returns the file."""
        changed = self.folder / "www" / "version"
        changed.write_text(f"{time.time_ns()}\n")
        return changed

    def bake(self) -> Manifest:
        """One step of a new bake, from its claim to its commit. Raises RuntimeError when it doesn't get as far as its test."""
        frame = BakeFrame(
            family=FAMILY, folder=str(self.folder), spec=image_spec(self.folder), entered_at=self.runner.clock.now()
        )
        record = self.store.operations.create(
            kind="bake", subject=FAMILY, actor="bench", reason="", state=Bake.first, frame=frame, instead=True
        )
        claimed = self.store.operations.claim("bench/0", 600.0)
        if claimed is None or claimed.id != record.id:
            raise RuntimeError(f"{record.id} can't be claimed")
        after = self.runner.run(claimed)
        if after is None or after.state != "TESTING":
            raise RuntimeError(
                f"{record.id} didn't get to its test: {after.because if after else 'its lease was lost'}"
            )
        return self.store.catalog.manifest(str(after.frame["digest"]))

    def forget(self, manifest: Manifest) -> None:
        """Removes an image."""
        self.store.catalog.delete(manifest.digest, "bench", "measured")
        QemuEngine(self.home, self.runner.clock).delete_image(manifest.digest)


@contextlib.contextmanager
def kitchen(ground: Ground) -> Iterator[Kitchen]:
    shutil.rmtree(ground.folder / "work" / "heavy", ignore_errors=True)
    folder, clock = copy_example(ground, "heavy"), SystemClock()
    recipe = folder / "Containerfile"
    recipe.write_text(recipe.read_text().replace(LAST_STEP, BALLAST + LAST_STEP))
    store = open_store(url_for(ground.home.database), clock)
    try:
        platform = Platform(QemuEngine(ground.home, clock), HaproxySwitch(ground.home), ask)
        bake = Bake(store, ground.home, {"vm": platform}, clock)
        yield Kitchen(ground.home, folder, store, Runner(store, {"bake": bake}, clock, lambda *_: None))
    finally:
        store.close()


def _measure_tree(home: Home, manifest: Manifest) -> tuple[int, int]:
    """How many files the sealed layers of an image hold, and their bytes."""
    blobs = Blobs(home.images / "blobs")
    sizes = [
        entry.size
        for number in range(len(manifest.layers))
        for entry in from_lines(blobs.read(manifest.files[f"listing-{number}"])).values()
        if entry.kind == "f"
    ]
    return len(sizes), sum(sizes)
