"""Whether the layers in podman's store still hold what the image lists: podman unpacks them into plain folders of this host, which
the kernel stacks without looking at what is in them.

All is read and compared once. After that a file counts as the same as long as its inode says so: the time of its last change
(ctime) can't be set by anybody, so what was written to is read again.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from stoneware.errors import BadInput
from stoneware.host.files import sha256_of
from stoneware.model.image import Artifact, Manifest
from stoneware.model.listing import FileEntry, from_lines, path_bytes, shown_path

GOOD_FOR_S = 5.0
"""Machines of one image are mostly looked at one after the other: a layer isn't walked again for each of them."""
MOST_TOLD = 20
KIND_OF = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
}
OPAQUE = "trusted.overlay.opaque"


@dataclass
class _Layer:
    """What is known of an unpacked layer: files proven, each by its inode's state; and what is wrong, from the last look on."""

    proven: dict[str, int] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    looked_at: float = float("-inf")


class Proofs:
    """Proofs of layers, kept in memory: another daemon reads everything once more."""

    def __init__(self) -> None:
        self._layers: dict[tuple[Path, str], _Layer] = {}
        self._guard = threading.Lock()

    def differences(self, folder: Path, digest: str, folders: list[Path]) -> list[str]:
        """What the unpacked layers (lowest first) have that the image doesn't list, or lack, as sentences. `folder` has the
        image's own files."""
        try:
            artifact = Artifact(
                folder=folder, manifest=Manifest.model_validate_json((folder / "manifest.json").read_bytes())
            )
        except (FileNotFoundError, ValidationError):
            return ["the manifest of its image is gone or can't be read, so nobody can say what its files should be"]
        if artifact.manifest.digest != digest:
            return ["the manifest of its image was changed, so nobody can say what its files should be"]
        if len(folders) != len(artifact.manifest.layers):
            return [f"its root has {len(folders)} layers, its image has {len(artifact.manifest.layers)}"]
        found: list[str] = []
        for number, unpacked in enumerate(folders):
            found += self._differences(artifact, number, unpacked)
        return found

    def _differences(self, artifact: Artifact, number: int, folder: Path) -> tuple[str, ...]:
        sealed = artifact.manifest.files[f"listing-{number}"]
        with self._guard:
            layer = self._layers.setdefault((folder, sealed.sha256), _Layer())
            if time.monotonic() - layer.looked_at > GOOD_FOR_S:
                layer.wrong = tuple(self._look(layer, artifact, number, folder))[:MOST_TOLD]
                layer.looked_at = time.monotonic()
            return tuple(f"layer {number} on this host: {what}" for what in layer.wrong)

    def _look(self, layer: _Layer, artifact: Artifact, number: int, folder: Path) -> Iterator[str]:
        seen = {path: hash(_state(now)) for path, now in _walk(folder)}
        if layer.proven == seen:
            return
        try:
            listed = _listing(artifact, number)
        except (OSError, BadInput):
            yield "the image's own list of it is gone or was changed"
            return
        proven = {}
        for path in sorted(seen.keys() | listed.keys()):
            if path in seen and layer.proven.get(path) == seen[path]:
                proven[path] = seen[path]
            elif problem := _problem(listed.get(path), folder, path):
                yield f"/{shown_path(path)} {problem}"
            elif path in seen:
                proven[path] = seen[path]
        layer.proven = proven


def _listing(artifact: Artifact, number: int) -> dict[str, FileEntry]:
    role = f"listing-{number}"
    data = artifact.file(role)
    if sha256_of(data) != artifact.manifest.files[role].sha256:
        raise BadInput("the listing was changed")
    listed = from_lines(data.read_bytes())
    listed.pop(".", None)  # what it is like, the machine's own layer decides
    return listed


def _state(now: os.stat_result) -> tuple[int, ...]:
    return (now.st_ino, now.st_mode, now.st_uid, now.st_gid, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below, relative, with what its inode says. What went away meanwhile is left out."""
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder / inner) as entries:
            for entry in entries:
                path = f"{inner}/{entry.name}" if inner else entry.name
                yield path, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)


def _problem(listed: FileEntry | None, folder: Path, path: str) -> str:
    """What is wrong with a path; empty when it is as listed."""
    file = os.fsencode(folder) + b"/" + path_bytes(path)
    try:
        now = os.lstat(file)
    except FileNotFoundError:
        return "is missing"
    if listed is None:
        return "was added"
    kind = KIND_OF.get(stat.S_IFMT(now.st_mode), "?")
    if kind == "c" and now.st_rdev == 0:
        kind = "w"
    if kind != listed.kind:
        return "is of another type"
    if kind == "w":
        return ""
    if (now.st_uid, now.st_gid) != (listed.uid, listed.gid):
        return "has another owner"
    if kind != "l" and stat.S_IMODE(now.st_mode) != listed.mode:
        return "has another mode"
    if _content(kind, file, now) != listed.ref:
        return "was changed"
    return "" if _attributes(file) == listed.xattrs else "has other attributes"


def _content(kind: str, file: bytes, now: os.stat_result) -> str:
    if kind == "f":
        return sha256_of(Path(os.fsdecode(file)))
    if kind == "l":
        return str(Path(os.fsdecode(file)).readlink())
    return f"{os.major(now.st_rdev)}:{os.minor(now.st_rdev)}" if kind in "cb" else ""


def _attributes(file: bytes) -> tuple[tuple[str, str], ...]:
    """Extended attributes as a listing has them: without overlayfs's own notes, and without labels that this host gave."""
    names = sorted(os.listxattr(file, follow_symlinks=False))
    kept = [name for name in names if name == OPAQUE or name.startswith(("security.capability", "user."))]
    return tuple((name, os.getxattr(file, name, follow_symlinks=False).hex()) for name in kept)
