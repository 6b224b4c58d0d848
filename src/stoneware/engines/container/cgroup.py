"""What a container may use, as its control groups enforce it now (the kernel's `admin-guide/cgroup-v1` and `cgroup-v2.rst`)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
UNLIMITED_BYTES = 2**60
"""From here on a limit of memory is none: cgroups of version 1 say it with the largest number of pages there is."""


SETTINGS = (
    ("pids", "pids.max"),
    ("cpu", "cpu.shares"),
    ("cpu", "cpu.weight"),
    ("devices", "devices.list"),
    ("memory", "memory.memsw.limit_in_bytes"),
    ("memory", "memory.swap.max"),
)
"""Controllers, and what is set once and never again, of both versions."""


@dataclass(frozen=True)
class Limits:
    """0: no limit."""

    cpus: int
    memory_bytes: int


def limits_of(pid: int, container_id: str) -> Limits:
    """The limits of the container that a process is in. Raises OSError when it is gone."""
    groups = groups_of(pid)
    memory, cpu = _folder(groups, "memory", container_id), _folder(groups, "cpu", container_id)
    if memory is None or cpu is None:
        unified = MOUNTED / _upto(groups[("",)], container_id)
        quota, _, period = (unified / "cpu.max").read_text().strip().partition(" ")
        return Limits(_cpus(quota, period), _bytes((unified / "memory.max").read_text()))
    quota, period = ((cpu / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
    return Limits(_cpus(quota, period), _bytes((memory / "memory.limit_in_bytes").read_text()))


def groups_of(pid: int) -> dict[tuple[str, ...], str]:
    """The group that a process is in, by the controllers of its hierarchy (`("",)`: version 2). Raises OSError when it is gone."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {tuple(controllers.split(",")): path for _, controllers, path in (line.split(":", 2) for line in lines)}


def settings_of(pid: int, container_id: str) -> dict[str, str]:
    """What else its groups hold it to, by file, as the kernel writes it; what this kernel doesn't have is left out."""
    groups, found = groups_of(pid), {}
    for controller, file in SETTINGS:
        folder = _folder(groups, controller, container_id)
        if folder is None and ("",) in groups:
            folder = MOUNTED / _upto(groups[("",)], container_id)
        with contextlib.suppress(FileNotFoundError):
            found[file] = " ".join((folder / file).read_text().split()) if folder else ""
    return {file: text for file, text in found.items() if text}


def _folder(groups: dict[tuple[str, ...], str], controller: str, container_id: str) -> Path | None:
    """Where a controller of version 1 has the container; None where there is no such controller."""
    for controllers, path in groups.items():
        if controller in controllers:
            return MOUNTED / ",".join(controllers) / _upto(path, container_id)
    return None


def _upto(path: str, container_id: str) -> str:
    """The container's own group: systemd in it makes further ones below."""
    parts = path.lstrip("/").split("/")
    own = next((number for number, part in enumerate(parts) if container_id in part), len(parts) - 1)
    return "/".join(parts[: own + 1])


def _cpus(quota: str, period: str) -> int:
    return 0 if quota.strip() in ("max", "-1") else round(int(quota) / int(period))


def _bytes(text: str) -> int:
    limit = UNLIMITED_BYTES if text.strip() == "max" else int(text)
    return 0 if limit >= UNLIMITED_BYTES else limit
