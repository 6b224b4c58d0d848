"""Which processes are in a container, as the host's kernel knows them.

Whoever is in it can make namespaces of his own, in which his processes have other numbers and see other files; the kernel knows
which namespace lies in which. Whoever comes from outside is in other control groups than what the container has started.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.container.cgroup import groups_of

TERMINALS = range(136, 144)
"""Major numbers of pseudoterminals (the kernel's `admin-guide/devices.txt`)."""
GET_PARENT = 0xB702
"""NS_GET_PARENT (ioctl_ns(2)): the namespace around a namespace; EPERM for the one around all."""
INIT = "init.scope"
"""The group that systemd makes for itself below the container's own; every service has one of its own, too."""


@dataclass(frozen=True)
class Process:
    """`program` is its executable as the container sees it, `entered` says that it was started from outside, `astray` that it is in
    other control groups than what the container starts, `terminal` is the number of the pseudoterminal that controls it."""

    pid: int
    program: str
    entered: bool = False
    astray: bool = False
    terminal: int | None = None


def processes_in(first: int) -> list[Process]:
    """The processes of the container whose first process is `first`: those in its process numbers, or in numbers that somebody
    in it has made below them, and those that share its files."""
    numbers, files = _namespace(first, "pid"), _namespace(first, "mnt")
    if numbers is None:
        return []
    below = {numbers: True}
    inside = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            pid = int(entry.name)
            there = _is_below(pid, below)
            if there or (files is not None and _namespace(pid, "mnt") == files):
                inside[pid] = there
    own = {pid for pid in inside if inside[pid]}
    return [found for pid in sorted(inside) if (found := _process(pid, first, own))]


def _is_below(pid: int, below: dict[str, bool]) -> bool:
    """Whether a process's numbers are the container's, or lie in them. `below` keeps the answers, by namespace."""
    name = _namespace(pid, "pid")
    if name is None:
        return False
    if name not in below:
        below[name] = _has_ancestor(pid, below)
    return below[name]


def _has_ancestor(pid: int, below: dict[str, bool]) -> bool:
    try:
        handle = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    while True:
        try:
            above = fcntl.ioctl(handle, GET_PARENT)
        except OSError:  # it is the one around all
            return False
        finally:
            os.close(handle)
        handle = above
        if below.get(f"pid:[{os.fstat(handle).st_ino}]"):
            os.close(handle)
            return True


def _process(pid: int, first: int, inside: set[int]) -> Process | None:
    try:
        program = str(Path(f"/proc/{pid}/exe").readlink())
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        astray = is_astray(groups_of(pid), groups_of(first))
    except OSError:
        return None  # it has ended
    parent, terminal = int(fields[1]), int(fields[4])
    major, minor = terminal >> 8 & 0xFFF, terminal & 0xFF
    entered = pid != first and (pid not in inside or parent not in inside)
    return Process(pid, program, entered, astray, minor if major in TERMINALS else None)


def is_astray(groups: dict[tuple[str, ...], str], own: dict[tuple[str, ...], str]) -> bool:
    """Whether a process is in other control groups than what the first process starts: not below its group (where limits
    wouldn't hold it), or in the very group in which systemd lets nothing be. Pure."""
    for controllers, path in own.items():
        found = groups.get(controllers, "")
        if path.endswith(f"/{INIT}"):
            above = path.removesuffix(f"/{INIT}")
            if not found.startswith(f"{above}/"):
                return True
        elif found != path and not found.startswith(f"{path}/"):
            return True
    return False


def _namespace(pid: int, kind: str) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return None


def sessions(processes: list[Process], first: int) -> set[str]:
    """Who is in the container that its image didn't start: what was started from outside, and what has a terminal of its own."""
    own = next((process.terminal for process in processes if process.pid == first), None)
    strangers = {process.pid for process in processes if process.entered or process.astray}
    entered = {f"entered: {process.program}" for process in processes if process.pid in strangers}
    with_terminal = {p.terminal for p in processes if p.terminal not in (None, own) and p.pid not in strangers}
    return entered | {f"pts/{terminal}" for terminal in with_terminal}
