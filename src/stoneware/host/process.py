"""Processes that outlive us, found again after a restart: a pid counts only together with its start time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot (proc(5), stat field 22); None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def age_s(process: tuple[int, int]) -> float:
    """How long (seconds) a process has been there, by its pid and start time. No clock that anybody sets counts."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process[1] / os.sysconf("SC_CLK_TCK")


def is_alive(pid: int, ticks: int) -> bool:
    """Whether this very process still runs (another one with the same pid has another start time)."""
    return start_ticks(pid) == ticks


def end(pid: int, ticks: int, *, grace_s: float = 0.0) -> None:
    """Ends a process: SIGTERM, then SIGKILL after `grace_s` seconds. Gone already: success."""
    if not is_alive(pid, ticks):
        return
    try:
        if grace_s > 0:
            os.kill(pid, signal.SIGTERM)
            if wait_gone(pid, ticks, grace_s):
                return
        if is_alive(pid, ticks):
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_gone(pid, ticks, 5.0)


def wait_gone(pid: int, ticks: int, timeout_s: float) -> bool:
    """Waits until the process is gone, at most `timeout_s` seconds; whether it is."""
    until = time.monotonic() + timeout_s
    while is_alive(pid, ticks):
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True
