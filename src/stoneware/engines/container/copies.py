"""Copies of containers' disks: one point in time, also while a container writes.

A disk in use is a file system of its own, mounted on the host. It stands still only while its blocks are shared, where the
home's file system can do that (btrfs, xfs): milliseconds. Elsewhere everything is copied first, while the container goes on,
and then compared once more while it stands still: about half a second for each GiB that is written, at most FREEZE_LIMIT_S.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.container.disks import DiskFolder, DiskRecord, is_mounted, loops_of
from stoneware.engines.snapshots import SnapshotFolder, copy_whole, fresh_copy, require_room, require_size
from stoneware.errors import NotFound, Refused, Unreachable
from stoneware.host.copying import Progress, copy_sparse, mend, share, sync_file, written_bytes
from stoneware.host.freezing import frozen
from stoneware.model.machine import Disk, WantedDisk
from stoneware.model.snapshot import WantedSnapshot

FREEZE_LIMIT_S = 5.0
SHARING = "a file system that shares blocks (btrfs, xfs)"


@dataclass(frozen=True)
class DiskCopies:
    """Snapshots, restores and clones. A disk is free when its record says so: who calls has settled that."""

    disks: DiskFolder
    snapshots: SnapshotFolder

    def snapshot(self, name: str, wanted: WantedSnapshot, now: float, progress: Progress) -> None:
        """Takes a snapshot of a disk, in use or not."""
        record = self._image_record(name)
        if self.disks.find(wanted.name) is not None:
            raise Refused(f"{wanted.name} is the name of a disk", "give the snapshot another one", code="name-taken")
        self.snapshots.take(record.disk, wanted, now, lambda part: self._copy(name, part, progress))

    def restore(self, name: str, snapshot: str, progress: Progress) -> None:
        """Puts a snapshot's content into a free disk. For who is `holding` it."""
        record = self._image_record(name)
        if record.disk.writer is not None:
            raise Refused(
                f"disk {name} is in use by {record.disk.writer}", "take it from the machine first", code="disk-in-use"
            )
        part = self.disks.part(name)
        self.snapshots.copy_out(snapshot, record.disk.size_bytes, part, progress)
        self.disks.adopt(record.disk, part)

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
                record = self._image_record(source)
                require_size(f"disk {source}", record.disk.size_bytes, wanted.size_bytes)
                with fresh_copy(part, f"disk {wanted.name}"):
                    self._copy(source, part, progress)
            self.disks.adopt(Disk(**wanted.model_dump(), created_at=now), part)

    def _copy(self, name: str, target: Path, progress: Progress) -> None:
        """One point in time of a disk. Nobody attaches it or lets it go meanwhile, but for the long part of a copy in use."""
        source = self.disks.image(name)
        with self.disks.holding(name):
            if not self._in_use(name):
                copy_whole(source, target, progress)
                return
            if share(source, target):  # a first try tells whether it works, before anybody has to wait for it
                with frozen(self.disks.mount_point(name), FREEZE_LIMIT_S):
                    share(source, target)
                return
        require_room(target.parent, written_bytes(source))
        copy_sparse(source, target, progress)
        self._require_quick(name, source, target)
        with self.disks.holding(name):
            if not self._in_use(name):
                mend(source, target)
            else:
                with frozen(self.disks.mount_point(name), FREEZE_LIMIT_S):
                    mend(source, target)
        sync_file(target)

    def _in_use(self, name: str) -> bool:
        """Whether anything can write to it now. For who is `holding` it. Raises Unreachable while it is neither here nor there."""
        if self._image_record(name).disk.writer is None or not loops_of(self.disks.image(name)):
            return False
        if not is_mounted(self.disks.mount_point(name)):
            raise Unreachable(f"disk {name} is on its way from one machine to another")
        return True

    def _require_quick(self, name: str, source: Path, target: Path) -> None:
        """Compares once while everything goes on: that says how long it would have to stand still, and shortens it."""
        began = time.monotonic()
        mend(source, target)
        took = time.monotonic() - began
        if took > FREEZE_LIMIT_S / 2:
            why = (
                f"disk {name} would have to stand still for about {took:.0f}s, and at most {FREEZE_LIMIT_S:g}s are fair"
            )
            raise Refused(
                why, "keep the home on a file system that shares blocks (btrfs, xfs), or stop its machine first"
            )

    def _image_record(self, name: str) -> DiskRecord:
        """Raises NotFound, and Refused for a disk that is a folder."""
        try:
            record = self.disks.record(name)
        except NotFound as missing:
            raise NotFound(
                missing.message, "`stoneware disk list` and `stoneware disk snapshots` show them", code=missing.code
            ) from None
        if record.kept_in != "image":
            why = f"disk {name} is a folder, because this host had no loop devices: it can't be copied at one point in time"
            raise Refused(why, "say `snapshot: false` in rollout, and copy the data by other means")
        return record
