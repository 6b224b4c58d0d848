"""What builds leave in buildah's store: layers that make the next build quick. What no image that there is came from goes after a
while.

The age of a layer is when it came into the store, for its own time is the same in every build.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from stoneware.bake.base import LOCAL
from stoneware.bake.leftovers import buildah_words, somebody_works, working
from stoneware.errors import ToolFailed
from stoneware.host.home import Home
from stoneware.host.run import run

IDLE_S = 30 * 86400.0
"""How long a layer is kept that no image came from (seconds)."""
EVERY_S = 86400.0
OWN = "localhost/"
KEPT = f"{OWN}stoneware/kept"

Layers = tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """An image of the build's store: a finished build, or one of the steps on its way (then it has no name)."""

    id: str
    names: tuple[str, ...]
    layers: Layers
    """The digests of its layers, lowest first (OCI image specification, `rootfs.diff_ids`)."""
    since: float


def prune_cache(home: Home, digests: Collection[str], names: Collection[str], now: float) -> list[str]:
    """Removes builds and steps that are older than `IDLE_S`, unless an image with one of these digests came from them, or another
    build that stays stands on them. A name that was given to an image (`FAMILY/N`) counts as long as that is there.

    Looks once a day, and not while a bake is at work. Returns the ids of what went.
    """
    looked = home.build / "pruned"
    known = looked.stat().st_mtime if looked.exists() else 0.0
    if not (home.build / "store" / "root").is_dir() or 0 <= now - known < EVERY_S:
        return []
    with working(home):
        if somebody_works(home):
            return []
        looked.touch()
        os.utime(looked, (now, now))
        built = _remembered(home, digests, now)
        stored = [_with_names_of(one, names) for one in _stored(home)]
        going = idle(stored, built, now)
        for one in stored if going else ():
            if one.id in built:  # buildah would take it along with the last that stands on it, were it without a name
                _buildah(home, "tag", one.id, f"{KEPT}:{one.id[:12]}")
        for one in reversed(going):  # what stands on others first; it may take along what it stood on
            with contextlib.suppress(ToolFailed):
                _buildah(home, "rmi", "--force", one.id)
        left = {one.id for one in _stored(home)} if going else set()
        return [one.id for one in going if one.id not in left]


def idle(stored: Iterable[Stored], built: Collection[str], now: float) -> list[Stored]:
    """Which of them nobody needs, those with the fewest layers first. `built` are ids of builds that images came from."""
    known = sorted(stored, key=lambda one: (len(one.layers), one.id))
    stay = [one for one in known if one.names or one.id in built or not 0 <= now - one.since > IDLE_S]
    needed = {one.layers[:count] for one in stay for count in range(1, len(one.layers) + 1)}
    return [one for one in known if one not in stay and one.layers not in needed]


def _remembered(home: Home, digests: Collection[str], now: float) -> set[str]:
    """The builds of these images; notes of others that are old go."""
    folder, found = home.build / "built", set()
    for note in folder.iterdir() if folder.is_dir() else ():
        if f"sha256:{note.name}" in digests:
            found.add(note.read_text().removeprefix("sha256:"))
        elif now - note.stat().st_mtime > IDLE_S:
            note.unlink()
    return found


def _stored(home: Home) -> list[Stored]:
    listed = json.loads(_buildah(home, "images", "--all", "--no-trunc", "--json"))
    times = home.build / "store" / "root" / "overlay-images"
    found = []
    for one in listed:
        id_ = one["id"].removeprefix("sha256:")
        try:
            inspected = json.loads(_buildah(home, "inspect", "--type", "image", id_))
            since = (times / id_).stat().st_mtime
        except (ToolFailed, FileNotFoundError):
            continue  # it went meanwhile
        found.append(Stored(id_, tuple(one["names"] or ()), tuple(inspected["OCIv1"]["rootfs"]["diff_ids"]), since))
    return found


def _with_names_of(one: Stored, names: Collection[str]) -> Stored:
    """Without the names of images that are there no more."""
    real = tuple(name for name in one.names if not name.startswith(OWN) or name == LOCAL or _image(name) in names)
    return replace(one, names=real)


def _image(name: str) -> str:
    """`localhost/web/3:latest` was given to the image web/3."""
    return name.removeprefix(OWN).partition(":")[0]


def _buildah(home: Home, *words: str | Path) -> str:
    return run([*buildah_words(home), *words], timeout_s=60).stdout
