"""The part of the engine in memory that keeps snapshots. What a disk holds there is a few lines of text."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from stoneware.clock import Clock
from stoneware.errors import NotFound, Refused
from stoneware.host.copying import Progress, unwatched
from stoneware.model.machine import Disk, WantedDisk
from stoneware.model.noun import Noun
from stoneware.model.snapshot import Snapshot, WantedSnapshot

SEE = "`stoneware disk snapshots` shows what there is"


class FakeSnapshot(Noun):
    """A snapshot with what it holds."""

    snapshot: Snapshot
    content: tuple[str, ...]


class FakeSnapshots(ABC):
    """`content(disk)` is what a disk holds, `write` adds a line to it, `damage` changes what a snapshot holds."""

    clock: Clock
    _state: Any

    @abstractmethod
    def _effect(self, verb: str, name: str) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _disk(self, name: str) -> Disk: ...

    @abstractmethod
    def _save(self, **changes: object) -> None: ...

    def content(self, disk: str) -> tuple[str, ...]:
        """The lines that were written to a disk, in order."""
        lines: tuple[str, ...] = self._state.contents.get(disk, ())
        return lines

    def write(self, disk: str, line: str) -> None:
        """An application writes."""
        self._save(contents={**self._state.contents, disk: (*self.content(disk), line)})

    def damage(self, snapshot: str) -> None:
        """Something rots."""
        known = self._snapshot(snapshot)
        self._save(snapshots={**self._state.snapshots, snapshot: known.model_copy(update={"content": ("rotten",)})})

    def snapshot_disk(self, disk: str, wanted: WantedSnapshot, progress: Progress = unwatched) -> None:
        with self._effect("snapshot_disk", f"{disk}:{wanted.name}"):
            known = self._state.snapshots.get(wanted.name)
            if known is not None:
                if known.snapshot.disk != disk:
                    raise Refused(f"snapshot {wanted.name} is one of disk {known.snapshot.disk}", code="name-taken")
                return
            of, content = self._disk(disk), self.content(disk)
            if wanted.name in self._state.disks:
                raise Refused(
                    f"{wanted.name} is the name of a disk", "give the snapshot another one", code="name-taken"
                )
            progress(of.size_bytes, of.size_bytes)
            whole = Snapshot(
                **wanted.model_dump(),
                disk=disk,
                owner=of.owner,
                size_bytes=of.size_bytes,
                stored_bytes=sum(map(len, content)),
                created_at=self.clock.now(),
                digest=_digest(content),
            )
            kept = FakeSnapshot(snapshot=whole, content=content)
            self._save(snapshots={**self._state.snapshots, wanted.name: kept})

    def list_snapshots(self, owner: str | None = None) -> Sequence[Snapshot]:
        every = [self._state.snapshots[name].snapshot for name in sorted(self._state.snapshots)]
        return [one for one in every if owner in (None, one.owner)]

    def restore_disk(self, disk: str, snapshot: str, progress: Progress = unwatched) -> None:
        with self._effect("restore_disk", f"{disk}:{snapshot}"):
            known = self._disk(disk)
            if known.writer is not None:
                raise Refused(
                    f"disk {disk} is in use by {known.writer}", "take it from the machine first", code="disk-in-use"
                )
            content = self._sound(snapshot, known.size_bytes)
            progress(known.size_bytes, known.size_bytes)
            self._save(contents={**self._state.contents, disk: content})

    def clone_disk(self, source: str, wanted: WantedDisk, progress: Progress = unwatched) -> None:
        with self._effect("clone_disk", f"{source}:{wanted.name}"):
            known = self._state.disks.get(wanted.name)
            if known is not None:
                _require_size(f"disk {wanted.name}", known.size_bytes, wanted.size_bytes)
                return
            if source in self._state.snapshots:
                content = self._sound(source, wanted.size_bytes)
            else:
                _require_size(f"disk {source}", self._disk(source).size_bytes, wanted.size_bytes)
                content = self.content(source)
            progress(wanted.size_bytes, wanted.size_bytes)
            disk = Disk(**wanted.model_dump(), created_at=self.clock.now())
            self._save(
                disks={**self._state.disks, wanted.name: disk}, contents={**self._state.contents, wanted.name: content}
            )

    def delete_snapshot(self, name: str) -> None:
        with self._effect("delete_snapshot", name):
            self._save(snapshots={n: s for n, s in self._state.snapshots.items() if n != name})

    def _snapshot(self, name: str) -> FakeSnapshot:
        if name not in self._state.snapshots:
            raise NotFound(f"no snapshot {name}", SEE, code="disk-not-found")
        known: FakeSnapshot = self._state.snapshots[name]
        return known

    def _sound(self, name: str, size_bytes: int) -> tuple[str, ...]:
        kept = self._snapshot(name)
        _require_size(f"snapshot {name}", kept.snapshot.size_bytes, size_bytes)
        if kept.snapshot.digest != _digest(kept.content):
            raise Refused(f"snapshot {name} is damaged: its content isn't what was taken", "use another one")
        return kept.content


def _digest(content: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _require_size(source: str, has_bytes: int, wanted_bytes: int) -> None:
    if has_bytes != wanted_bytes:
        raise Refused(
            f"{source} has {has_bytes} bytes, not {wanted_bytes}", "a disk keeps its size", code="disk-size-fixed"
        )
