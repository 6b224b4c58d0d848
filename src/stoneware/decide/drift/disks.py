"""Disks: whether those that are declared are there, with their own machines, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.sight import Sight
from stoneware.decide.fleet import wanted_disks
from stoneware.model.drift import Drift
from stoneware.model.machine import Disk, Phase, WantedDisk
from stoneware.model.quantity import format_size


def disk_drifts(sight: Sight) -> Iterator[Drift]:
    """Every difference between declared disks and those that the engine shows."""
    if sight.disks is None:
        return
    owners = {mount.disk: wanted.name for wanted in sight.wanted.values() for mount in wanted.disks}
    declared = {disk.name: disk for group in sight.release.groups for disk in wanted_disks(sight.release, group)}
    for name, disk in declared.items():
        yield from _declared(sight, disk, sight.disks.get(name), owners[name])
    known = {*declared, *sight.made_disks}
    for name, extra in sight.disks.items():
        if name not in known:
            found = f"{format_size(extra.size_bytes)}, with {extra.writer or 'nobody'}"
            yield sight.differs("disk.extra", name, "no such disk", found, remedy=f"find out who made {name}")


def _declared(sight: Sight, disk: WantedDisk, seen: Disk | None, owner: str) -> Iterator[Drift]:
    if seen is None:
        remedy = f"put {disk.name} back from a snapshot, or deploy again to make it empty"
        yield sight.differs("disk.missing", disk.name, format_size(disk.size_bytes), "it isn't there", remedy=remedy)
        return
    if seen.damage:
        remedy = f"find out who moved its file; put {disk.name} back from a snapshot"
        yield sight.differs("disk.missing", disk.name, "its own file", seen.damage, where="file", remedy=remedy)
    if seen.size_bytes != disk.size_bytes:
        expected, found = format_size(disk.size_bytes), format_size(seen.size_bytes)
        yield sight.differs("disk.size", disk.name, expected, found, remedy="declare the size that it has")
    machine = sight.machines.get(owner)
    # without its machine, or while that waits, a disk is with nobody: that is told of the machine
    serves = machine is not None and machine.phase in (Phase.STARTING, Phase.SERVING)
    if seen.writer != owner and (seen.writer is not None or serves):
        remedy = f"make {seen.writer or owner} anew: the disk goes to its own machine"
        yield sight.differs("disk.writer", disk.name, f"with {owner}", f"with {seen.writer or 'nobody'}", remedy=remedy)
