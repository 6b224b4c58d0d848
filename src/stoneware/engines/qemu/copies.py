"""Copies of VMs' disks: one point in time, while the machine goes on.

QEMU itself copies a disk that it has open: a block that the machine is about to overwrite is copied first (QEMU's manual of
QMP, `blockdev-backup`, sync `full`). Nobody waits longer than for one block. A disk that no process has open is a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.qemu.backup import Backup
from stoneware.engines.qemu.disks import DiskFolder
from stoneware.engines.qemu.folder import Folder
from stoneware.engines.qemu.words import disk_node
from stoneware.engines.snapshots import SnapshotFolder, copy_whole, fresh_copy, require_room, require_size
from stoneware.errors import Refused
from stoneware.host.copying import Progress, sync_file, written_bytes
from stoneware.model.machine import Disk, WantedDisk
from stoneware.model.snapshot import WantedSnapshot


@dataclass(frozen=True)
class DiskCopies:
    """Snapshots, restores and clones. `plugged_into(disk)` is the running machine that has it, None when there is none."""

    disks: DiskFolder
    snapshots: SnapshotFolder
    plugged_into: Callable[[str], Folder | None]

    def snapshot(self, name: str, wanted: WantedSnapshot, now: float, progress: Progress) -> None:
        """Takes a snapshot of a disk, plugged in or not."""
        disk = self.disks.get(name)
        if self.disks.find(wanted.name) is not None:
            raise Refused(f"{wanted.name} is the name of a disk", "give the snapshot another one", code="name-taken")
        self.snapshots.take(disk, wanted, now, lambda part: self._copy(name, part, progress))

    def restore(self, disk: Disk, snapshot: str, progress: Progress) -> None:
        """Puts a snapshot's content into a free disk. For who is `holding` it."""
        part = self.disks.part(disk.name)
        self.snapshots.copy_out(snapshot, disk.size_bytes, part, progress)
        self.disks.adopt(disk, part)

    def clone(self, source: str, wanted: WantedDisk, now: float, progress: Progress) -> None:
        """Makes a disk of a snapshot, or of another disk."""
        with self.disks.holding(wanted.name):
            known = self.disks.find(wanted.name)
            if known is not None:
                require_size(f"disk {wanted.name}", known.size_bytes, wanted.size_bytes)
                return
            part = self.disks.part(wanted.name)
            if self.snapshots.find(source) is not None:
                self.snapshots.copy_out(source, wanted.size_bytes, part, progress)
            else:
                require_size(f"disk {source}", self.disks.get(source).size_bytes, wanted.size_bytes)
                with fresh_copy(part, f"disk {wanted.name}"):
                    self._copy(source, part, progress)
            self.disks.adopt(Disk(**wanted.model_dump(), created_at=now), part)

    def _copy(self, name: str, target: Path, progress: Progress) -> None:
        """One point in time of a disk. A plugged one isn't held: QEMU refuses to let go of what it copies, and says so."""
        with self.disks.holding(name):
            machine = self.plugged_into(name)
            if machine is None:
                copy_whole(self.disks.image(name), target, progress)
                return
        source = self.disks.image(name)
        require_room(target.parent, written_bytes(source))
        Backup(machine.path, disk_node(name)).run(target, source.stat().st_size, progress)
        sync_file(target)
