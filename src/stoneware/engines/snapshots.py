"""Snapshots as files: `NAME.raw` and its record `NAME.json`, which comes last and makes it exist.

An engine brings the copy of one point in time; all the rest is the same wherever a disk is a file. What is being written has
a hidden name, so half a copy is never taken for a snapshot, nor for a disk.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import NotFound, Refused
from stoneware.host.copying import Progress, content_digest, copy_sparse, share, written_bytes
from stoneware.host.files import locked, sync_folder, write_atomic
from stoneware.host.records import read_record
from stoneware.model.machine import Disk
from stoneware.model.snapshot import Snapshot, WantedSnapshot

MIB = 2**20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SEE = "`stoneware disk snapshots` shows what there is"

Copy = Callable[[Path], None]
"""Makes a file, anew, that holds a disk at one point in time. Durable when it returns."""


@dataclass(frozen=True)
class SnapshotFolder:
    """All snapshots of an engine on this host. The folder is made when it is first needed."""

    path: Path

    def take(self, disk: Disk, wanted: WantedSnapshot, now: float, copy: Copy) -> None:
        """A snapshot of a disk, with the copy that `copy` makes. Raises Refused for another disk's of that name."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._holding(wanted.name):
            known = self.find(wanted.name)
            if known is not None:
                if known.disk != disk.name:
                    raise Refused(
                        f"snapshot {wanted.name} is one of disk {known.disk}", "give it another name", code="name-taken"
                    )
                return
            part = self._part(wanted.name)
            with fresh_copy(part, f"snapshot {wanted.name}"):
                copy(part)
                digest, stored = content_digest(part), written_bytes(part)
                part.replace(self._data(wanted.name))
            sync_folder(self.path)
            whole = Snapshot(
                **wanted.model_dump(),
                disk=disk.name,
                owner=disk.owner,
                size_bytes=disk.size_bytes,
                stored_bytes=stored,
                created_at=now,
                digest=digest,
            )
            write_atomic(self.path / f"{wanted.name}.json", whole.model_dump_json())

    def find(self, name: str) -> Snapshot | None:
        """None when there is no such snapshot, or only half of one."""
        return read_record(self.path / f"{name}.json", Snapshot)

    def all(self, owner: str | None = None) -> list[Snapshot]:
        """Every whole snapshot, by name."""
        found = (self.find(path.stem) for path in sorted(self.path.glob("*.json")))
        return [one for one in found if one is not None and owner in (None, one.owner)]

    def copy_out(self, name: str, size_bytes: int, target: Path, progress: Progress) -> None:
        """Makes `target` anew with what a snapshot holds, compared on the way.

        Raises NotFound, and Refused when it has another size than `size_bytes`, is damaged, or doesn't fit.
        """
        snapshot = self.find(name)
        if snapshot is None:
            raise NotFound(f"no snapshot {name}", SEE, code="disk-not-found")
        require_size(f"snapshot {name}", snapshot.size_bytes, size_bytes)
        with self._holding(name), fresh_copy(target, f"a copy of snapshot {name}"):
            digest = copy_whole(self._data(name), target, progress)
            if digest != snapshot.digest:
                target.unlink()
                raise Refused(f"snapshot {name} is damaged: its content isn't what was taken", "use another one")

    def delete(self, name: str) -> None:
        """The record first: from then on there is no such snapshot."""
        if not self.path.exists():
            return
        with self._holding(name):
            for path in (self.path / f"{name}.json", self._data(name), self._part(name)):
                path.unlink(missing_ok=True)
        (self.path / f".{name}.lock").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        with locked(self.path / f".{name}.lock"):
            yield

    def _data(self, name: str) -> Path:
        return self.path / f"{name}.raw"

    def _part(self, name: str) -> Path:
        return self.path / f".{name}.part"


def copy_whole(source: Path, target: Path, progress: Progress) -> str:
    """A file that nobody writes to, once more: shared where the file system can. Returns its digest."""
    if share(source, target):
        return content_digest(target, progress)
    require_room(target.parent, written_bytes(source))
    return copy_sparse(source, target, progress)


def require_size(source: str, has_bytes: int, wanted_bytes: int) -> None:
    """Raises Refused: the file system in it fills the disk that it was made on."""
    if has_bytes != wanted_bytes:
        raise Refused(
            f"{source} has {has_bytes} bytes, not {wanted_bytes}", "a disk keeps its size", code="disk-size-fixed"
        )


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raises Refused before anything is written."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        why = f"{folder} has {free // MIB} MiB free, and this copy needs {needed_bytes // MIB} MiB"
        raise Refused(why, "free some space, or delete snapshots: `stoneware disk snapshots`", code="disk-full")


@contextlib.contextmanager
def fresh_copy(part: Path, what: str) -> Iterator[None]:
    """Around the making of a file: whatever ends it early, a full disk too, nothing of it stays. Raises Refused for a full disk."""
    try:
        yield
    except BaseException as broken:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(broken, OSError) and broken.errno in FULL:
            why = f"there is no room for {what}: {broken.strerror}"
            raise Refused(
                why, "free some space, or delete snapshots: `stoneware disk snapshots`", code="disk-full"
            ) from broken
        raise
