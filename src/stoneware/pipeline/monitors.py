"""Monitors of containers that podman has lost sight of.

A `podman run` that is killed between making a container and starting it leaves its conmon with a `runc init` that waits for ever;
the container can be removed then, and both live on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from stoneware.host.process import end, start_ticks, wait_gone

PATIENCE_S = 2.0
"""One whose container was removed ends by itself within that time."""


def end_monitors(names: Collection[str], run_folder: Path) -> None:
    """Ends what is left of these containers, which are removed. `run_folder` is that of their store."""
    for pid, ticks in list(_monitors(names, str(run_folder))):
        if wait_gone(pid, ticks, PATIENCE_S):
            continue
        for child in _children(pid):
            end(child, start_ticks(child) or 0)
        end(pid, ticks)


def _monitors(names: Collection[str], run_folder: str) -> Iterator[tuple[int, int]]:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name != "conmon" or not any(run_folder in word for word in words):
            continue
        ticks = start_ticks(int(place.name))
        if ticks is not None and any(word == "-n" and name in names for word, name in pairwise(words)):
            yield int(place.name), ticks


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found
