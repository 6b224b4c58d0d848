"""A full disk in the middle of a bake is an ordinary event: it is said in words, and what was begun is taken away."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.errors import BakeFailed, ToolFailed

NEARLY_NOTHING_BYTES = 8 * 2**20
SAID = re.compile(r"no space left on device|disk quota exceeded|\bENOSPC\b", re.IGNORECASE)


@dataclass
class Room:
    """Watches the disk of a build: when a step fails, its container is removed, and with it the sign of why."""

    place: Path
    least_bytes: int = field(default=2**63, init=False)
    _said: bool = field(default=False, init=False)

    def look(self, line: str = "") -> None:
        """At the disk, and at what a program has printed."""
        self.least_bytes = min(self.least_bytes, shutil.disk_usage(self.place).free)
        self._said = self._said or SAID.search(line) is not None

    def was_full(self, tail: str) -> bool:
        """Whether a program that failed, with these last lines, found no room."""
        self.look(tail)
        return self._said or self.least_bytes < NEARLY_NOTHING_BYTES

    def failure(self, step: str, tail: str) -> BakeFailed:
        """In words for people."""
        hint = f"free some space on the disk of {self.place}, or move the home to a larger one ($STONEWARE_HOME), and bake again"
        return BakeFailed(f"no space left on the disk of {self.place}", step, tail, hint, code="disk-full")


@contextlib.contextmanager
def told_when_full(step: str) -> Iterator[None]:
    """Raises BakeFailed for a write that found no room, of ours or of a program."""
    try:
        yield
    except ToolFailed as failed:
        if not SAID.search(failed.tail):
            raise
        raise BakeFailed(
            "no space left on the disk", step, failed.tail, "free some space and bake again", code="disk-full"
        ) from failed
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BakeFailed(
            "no space left on the disk", step, str(error), "free some space and bake again", code="disk-full"
        ) from error
