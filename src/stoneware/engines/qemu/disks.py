"""Persistent disks as files: `NAME.raw` with an ext4 file system, and `NAME.json` beside it, which says who may write.

Two fences keep a second writer away: the record, changed under a lock before a disk is plugged in and after it is out; and
QEMU's own lock on the file. A disk of a machine that died stays fenced until someone detaches it, which asks for proof that
the process is gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.ext4 import identity_of, make_ext4, wrong_identity
from stoneware.errors import NotFound, Refused
from stoneware.host.files import locked, sync_folder, write_atomic
from stoneware.host.records import read_record
from stoneware.model.machine import Disk, WantedDisk


@dataclass(frozen=True)
class DiskFolder:
    """All disks of this host."""

    path: Path

    def image(self, name: str) -> Path:
        """The disk's file."""
        return self.path / f"{name}.raw"

    def part(self, name: str) -> Path:
        """Where a file is written that is to become a disk's."""
        return self.path / f".{name}.part"

    def adopt(self, disk: Disk, image: Path) -> None:
        """Makes a disk of a finished file, which moves. For who is `holding` it."""
        image.replace(self.image(disk.name))
        sync_folder(self.path)
        self.save(disk.model_copy(update={"identity": identity_of(self.image(disk.name))}))

    def create(self, wanted: WantedDisk, now: float) -> None:
        """An empty formatted disk; sparse, so it takes what is written. The record comes last: it makes the disk exist."""
        with self.holding(wanted.name):
            known = self.find(wanted.name)
            if known is not None:
                if known.size_bytes != wanted.size_bytes:
                    why = f"disk {wanted.name} exists with {known.size_bytes} bytes, not {wanted.size_bytes}"
                    raise Refused(why, "a disk keeps its size; declare a disk of another name", code="disk-size-fixed")
                return
            make_ext4(self.image(wanted.name), wanted)
            sync_folder(self.path)
            identity = identity_of(self.image(wanted.name))
            self.save(Disk(**wanted.model_dump(), created_at=now, identity=identity))

    def find(self, name: str) -> Disk | None:
        """None when there is no such disk."""
        return read_record(self.path / f"{name}.json", Disk)

    def get(self, name: str) -> Disk:
        """Raises NotFound."""
        disk = self.find(name)
        if disk is None:
            raise NotFound(f"no disk {name}", "`stoneware disk list` shows what there is", code="disk-not-found")
        return disk

    def all(self) -> list[Disk]:
        """Every disk, by name."""
        found = (self.find(path.stem) for path in sorted(self.path.glob("*.json")))
        return [disk for disk in found if disk is not None]

    def looked_at(self, disk: Disk) -> Disk:
        """The same, with what is wrong with its file."""
        return disk.model_copy(update={"damage": wrong_identity(disk.identity, self.image(disk.name))})

    def save(self, disk: Disk) -> None:
        """Writes the record, writer included."""
        write_atomic(self.path / f"{disk.name}.json", disk.model_dump_json())

    def delete(self, name: str) -> None:
        """Record first: from then on the disk doesn't exist, whatever happens to the rest."""
        with self.holding(name):
            disk = self.find(name)
            if disk is not None and disk.writer is not None:
                raise Refused(
                    f"disk {name} is in use by {disk.writer}", "take it from the machine first", code="disk-in-use"
                )
            (self.path / f"{name}.json").unlink(missing_ok=True)
            self.image(name).unlink(missing_ok=True)
            self.part(name).unlink(missing_ok=True)
        (self.path / f".{name}.lock").unlink(missing_ok=True)

    def clear_writer(self, machine: str) -> None:
        """The machine's process is gone: its disks are free."""
        for disk in self.all():
            if disk.writer == machine:
                with self.holding(disk.name):
                    now = self.find(disk.name)
                    if now is not None and now.writer == machine:
                        self.save(now.model_copy(update={"writer": None}))

    @contextlib.contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Only one of us changes a disk at a time."""
        with locked(self.path / f".{name}.lock"):
            yield
