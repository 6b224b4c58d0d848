"""Persistent disks of containers: each an ext4 file system in a file of its declared size, mounted on the host while a
machine has it, and bound into that machine's container.

Where this host has no loop devices a disk is a folder instead, and its size is recorded but not enforced; `doctor` says so.

The fence against a second writer is the record, changed under a lock: before a disk is mounted, and after it is unmounted.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stoneware.engines.container.copies_of_mounts import end_copies, mounted_at
from stoneware.engines.ext4 import identity_of, make_ext4, wrong_identity
from stoneware.errors import NotFound, Refused, ToolFailed, Unreachable
from stoneware.host.files import locked, sync_folder, write_atomic
from stoneware.host.records import read_record
from stoneware.host.run import run
from stoneware.model.machine import Disk, WantedDisk
from stoneware.model.noun import Noun

MOUNT_LIMIT_S = 60.0
UNUSED_LIMIT_S = 2.0
LOOP_CTL_GET_FREE = 0x4C82


class DiskRecord(Noun):
    """A disk, and what it is kept in: `image` has its size enforced, `folder` hasn't."""

    disk: Disk
    kept_in: Literal["image", "folder"]


@functools.cache
def loops_work() -> bool:
    """Whether a file can be a block device here: the kernel names a free one (loop(4), LOOP_CTL_GET_FREE), and it opens.

    Nothing is set up for the proof, so nothing can be left of it."""
    try:
        with Path("/dev/loop-control").open("rb") as control:
            free = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        with Path(f"/dev/loop{free}").open("r+b", buffering=0):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class DiskFolder:
    """All disks of this host's containers: records and data in `path`, mounted below `mounts`."""

    path: Path
    mounts: Path

    def mount_point(self, name: str) -> Path:
        """Where a machine's container finds the disk on the host."""
        return self.mounts / name

    def create(self, wanted: WantedDisk, now: float) -> None:
        """An empty disk; an image is sparse, so it takes what is written. The record comes last: it makes the disk exist."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.holding(wanted.name):
            known = self._find(wanted.name)
            if known is not None:
                if known.disk.size_bytes != wanted.size_bytes:
                    why = f"disk {wanted.name} exists with {known.disk.size_bytes} bytes, not {wanted.size_bytes}"
                    raise Refused(why, "a disk keeps its size; declare a disk of another name", code="disk-size-fixed")
                return
            self._remove_data(wanted.name)
            if loops_work():
                make_ext4(self.image(wanted.name), wanted)
            else:
                self._data_folder(wanted.name).mkdir(mode=0o755)
            sync_folder(self.path)
            disk = Disk(**wanted.model_dump(), created_at=now, identity=identity_of(self.image(wanted.name)))
            self._save(DiskRecord(disk=disk, kept_in="image" if loops_work() else "folder"))

    def adopt(self, disk: Disk, image: Path) -> None:
        """Makes a disk of a finished file, which moves. For who is `holding` it."""
        image.replace(self.image(disk.name))
        sync_folder(self.path)
        known = disk.model_copy(update={"identity": identity_of(self.image(disk.name))})
        self._save(DiskRecord(disk=known, kept_in="image"))

    def looked_at(self, name: str) -> Disk | None:
        """As it is, with what is wrong with its file; None when there is no such disk. A folder has no identity."""
        record = self._find(name)
        if record is None or record.kept_in == "folder":
            return record.disk if record else None
        damage = wrong_identity(record.disk.identity, self.image(name))
        return record.disk.model_copy(update={"damage": damage})

    def find(self, name: str) -> Disk | None:
        """None when there is no such disk."""
        record = self._find(name)
        return record.disk if record else None

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

    def take(self, name: str, machine: str) -> None:
        """Fences a disk for a machine and mounts it. For who is `holding` it. Mounted already: success."""
        record = self.record(name)
        self._save(record.model_copy(update={"disk": record.disk.model_copy(update={"writer": machine})}))
        point = self.mount_point(name)
        point.mkdir(parents=True, exist_ok=True, mode=0o700)
        if is_mounted(point):
            return
        self._require_unused(name)
        if record.kept_in == "image":
            words: list[str | Path] = [
                "mount",
                "-t",
                "ext4",
                "-o",
                "loop,noatime,nosuid,nodev",
                self.image(name),
                point,
            ]
        else:
            words = ["mount", "--bind", self._data_folder(name), point]
        try:
            run(words, timeout_s=MOUNT_LIMIT_S)
        except ToolFailed as broken:
            why = f"disk {name} can't be mounted: {broken.tail.strip()[-200:] or broken.message}"
            raise Refused(why, f"look at {self.image(name)} with e2fsck") from broken

    def let_go(self, name: str) -> None:
        """Unmounts a disk, which writes everything out, and frees it. For who is `holding` it.

        Raises Unreachable while something on the host still uses it.
        """
        record = self.record(name)
        self._unmount(name)
        self._save(record.model_copy(update={"disk": record.disk.model_copy(update={"writer": None})}))

    def clear_writer(self, machine: str) -> None:
        """The machine's container is gone: its disks are free."""
        for disk in self.all():
            if disk.writer == machine:
                with self.holding(disk.name):
                    now = self.find(disk.name)
                    if now is not None and now.writer == machine:
                        self.let_go(disk.name)

    def delete(self, name: str) -> None:
        """Record first: from then on the disk doesn't exist, whatever happens to the rest."""
        if not self.path.exists():
            return
        with self.holding(name):
            disk = self.find(name)
            if disk is not None and disk.writer is not None:
                raise Refused(
                    f"disk {name} is in use by {disk.writer}", "take it from the machine first", code="disk-in-use"
                )
            self._unmount(name)
            (self.path / f"{name}.json").unlink(missing_ok=True)
            self._remove_data(name)
            with contextlib.suppress(FileNotFoundError):
                self.mount_point(name).rmdir()
        (self.path / f".{name}.lock").unlink(missing_ok=True)

    @contextlib.contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Only one of us changes a disk at a time. Raises NotFound where there are no disks at all."""
        if not self.path.exists():
            raise NotFound(f"no disk {name}", "`stoneware disk list` shows what there is", code="disk-not-found")
        with locked(self.path / f".{name}.lock"):
            yield

    def _unmount(self, name: str) -> None:
        if is_mounted(self.mount_point(name)):
            try:
                run(["umount", self.mount_point(name)], timeout_s=MOUNT_LIMIT_S)
            except ToolFailed as busy:
                raise Unreachable(f"disk {name} is still in use on this host: {busy.message}") from busy
        self._require_unused(name)

    def _require_unused(self, name: str) -> None:
        """A mount that is gone here may live on elsewhere; its loop device goes with the last one."""
        until = time.monotonic() + UNUSED_LIMIT_S
        while devices := loops_of(self.image(name)):
            end_copies(self.mount_point(name))
            if time.monotonic() > until:
                raise Unreachable(f"disk {name} is still in use on this host, by {', '.join(devices)}")
            time.sleep(0.01)

    def _find(self, name: str) -> DiskRecord | None:
        return read_record(self.path / f"{name}.json", DiskRecord)

    def record(self, name: str) -> DiskRecord:
        """A disk with what it is kept in. Raises NotFound."""
        record = self._find(name)
        if record is None:
            raise NotFound(f"no disk {name}", "`stoneware disk list` shows what there is", code="disk-not-found")
        return record

    def _save(self, record: DiskRecord) -> None:
        write_atomic(self.path / f"{record.disk.name}.json", record.model_dump_json())

    def image(self, name: str) -> Path:
        """The file of a disk that is kept in one."""
        return self.path / f"{name}.raw"

    def part(self, name: str) -> Path:
        """Where a file is written that is to become a disk's."""
        return self.path / f".{name}.part"

    def _data_folder(self, name: str) -> Path:
        return self.path / f"{name}.data"

    def _remove_data(self, name: str) -> None:
        self.image(name).unlink(missing_ok=True)
        self.part(name).unlink(missing_ok=True)
        shutil.rmtree(self._data_folder(name), ignore_errors=True)


def is_mounted(point: Path) -> bool:
    """Whether something is mounted at exactly this place (/proc/self/mountinfo, proc(5))."""
    return str(point.resolve()) in mounted_at(Path("/proc/self/mountinfo").read_text())


def loops_of(image: Path) -> list[str]:
    """Loop devices that stand for this file."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().strip() == str(image.resolve()):
                found.append(backing.parent.parent.name)
        except OSError:
            continue  # let go of while we looked
    return found
