"""Mounts of a process as its kernel lists them (proc(5), /proc/PID/mountinfo). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """Where something is mounted, from which device (`major:minor`), with the options of this mount and those of the file system
    behind it. `root` is what of that file system is there (`/`: all of it)."""

    where: str
    kind: str
    device: str
    options: tuple[str, ...]
    system: tuple[str, ...] = ()
    root: str = "/"

    @property
    def read_only(self) -> bool:
        return "ro" in self.options or "ro" in self.system


def mounts(lines: Iterable[str]) -> list[Mount]:
    """In the order in which they were mounted. Raises ValueError for a line that is none."""
    return [_mount(line) for line in lines if line.strip()]


def _mount(line: str) -> Mount:
    front, dash, back = line.partition(" - ")
    before, after = front.split(" "), back.split(" ")
    if not dash or len(before) < 6 or len(after) < 3:
        raise ValueError(f"{line[:80]!r} is no mount")
    options, system = (tuple(words.split(",")) for words in (before[5], after[-1]))
    return Mount(unescaped(before[4]), after[0], before[2], options, system, unescaped(before[3]))


def unescaped(text: str) -> str:
    """A path as it is: the kernel writes blanks, tabs, newlines and backslashes as octal numbers."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
