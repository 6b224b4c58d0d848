"""What this process may use of its host: the cores and the memory there are, or the smaller share that a control group allows.

Control groups exist in two generations: one tree for everything (v2: cpu.max, memory.max), or a tree a controller (v1). A
host may have both mounted, so each limit is looked for in both; the strictest on the way up to the root holds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.host.kernel_files import lines_of

LEAST_RESERVE = 256 * 2**20
RESERVED_PART = 16


@dataclass(frozen=True)
class HostShare:
    """`cpus` is at least 1. `memory_bytes` is what machines may have: a sixteenth, and at least 256 MiB, is kept back for the
    host, the proxies and the daemon."""

    cpus: int
    memory_bytes: int


def host_share(root: Path = Path("/")) -> HostShare:
    """Looks at `/proc` and `/sys/fs/cgroup` below `root`. Raises OSError where there is no `/proc`."""
    cpus = [float(_cores(root)), *_cpu_limits(root)]
    total = min([_memory_total(root), *_memory_limits(root)])
    kept_back = max(LEAST_RESERVE, total // RESERVED_PART)
    return HostShare(cpus=max(1, math.floor(min(cpus))), memory_bytes=max(0, total - kept_back))


def _cores(root: Path) -> int:
    """The cores that this process may run on; of another root: those that it lists."""
    if root == Path("/"):
        return len(os.sched_getaffinity(0))
    return (root / "proc/cpuinfo").read_text().count("processor\t:")


def _memory_total(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo has no MemTotal")


def _memory_limits(root: Path) -> Iterator[int]:
    yield from (int(text) for text in _read(root, "", "memory.max") if text != "max")
    yield from (int(text) for text in _read(root, "memory", "memory.limit_in_bytes"))


def _cpu_limits(root: Path) -> Iterator[float]:
    """In cores: the time that may be used of each period."""
    for text in _read(root, "", "cpu.max"):
        quota, period = text.split()
        if quota != "max":
            yield int(quota) / int(period)
    quotas, periods = _read(root, "cpu", "cpu.cfs_quota_us"), _read(root, "cpu", "cpu.cfs_period_us")
    for quota, period in zip(quotas, periods, strict=True):
        if int(quota) > 0:
            yield int(quota) / int(period)


def _read(root: Path, controller: str, name: str) -> list[str]:
    """What a file says in our own group and in each above it, for a controller of v1, or (empty) in the tree of v2."""
    found = []
    for mount, group in _groups(root, controller):
        for folder in (group, *group.parents):
            file = mount / folder / name
            if file.is_file():
                found.append(file.read_text().strip())
    return found


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, Path]]:
    """Where a hierarchy is mounted, and our group in it (relative). In a container the group's path may be one of the host:
    then only the mount itself can be seen."""
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller not in controllers.split(",") or (not controller and controllers):
            continue
        for mount in _mounts(root, controller):
            yield mount, Path(path.lstrip("/"))


def _mounts(root: Path, controller: str) -> Iterator[Path]:
    """Mount points of a hierarchy, from mountinfo (proc(5)): after the dash stand type, source and options."""
    for line in lines_of(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == ("cgroup" if controller else "cgroup2") and (not controller or controller in options.split(",")):
            yield root / before.split(" ")[4].lstrip("/")
