"""Reads files of a root tree as the machine would see them: no link of the tree leads out of it to the host.

A link is followed as if the tree were `/` (as chroot(2) does), so that `etc/os-release -> ../usr/lib/os-release` and
`/usr/lib/os-release` mean the tree's own file. The file is then opened folder by folder without following anything, so that a
tree that changes meanwhile can't lead out either. What is no plain file is looked at, but never opened: a pipe would make us
wait, and a device of the host may do something when it is opened.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

MOST_LINKS = 40
"""As many links as Linux follows in one path (path_resolution(7))."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Unreadable(Exception):
    """A path of the tree that is no file to read; its text says why."""


class NoFile(Unreadable):
    """What stands there is a folder, a device, a pipe."""


@dataclass(frozen=True)
class Tree:
    """A root tree. `read` gives a file's bytes."""

    root: Path

    def read(self, path: str, limit_bytes: int) -> bytes:
        """The content of a file, by its path in the tree. Raises Unreadable, or its NoFile."""
        try:
            handle = self._find(self._resolve(path))
        except (OSError, ValueError) as wrong:  # ValueError: a NUL in a link's target
            raise Unreadable(getattr(wrong, "strerror", None) or "its path can't be followed") from None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise NoFile("it is no file")
            with Path(f"/proc/self/fd/{handle}").open("rb") as file:  # the very file that was looked at
                content = file.read(limit_bytes + 1)
        except OSError as wrong:
            raise Unreadable(wrong.strerror or "it can't be read") from None
        finally:
            os.close(handle)
        if len(content) > limit_bytes:
            raise Unreadable(f"it has more than {limit_bytes} bytes")
        return content

    def _resolve(self, path: str) -> list[str]:
        """The parts of the path with all links followed inside the tree."""
        real: list[str] = []
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del real[-1:]  # above the root is the root
                continue
            target = self._link(os.path.join(self.root, *real, part))  # noqa: PTH118 - once a part: Path takes its time
            if target is None:
                real.append(part)
                continue
            links += 1
            if links > MOST_LINKS:
                raise Unreadable("its links go round in circles")
            if target.startswith("/"):
                real.clear()
            todo += target.split("/")[::-1]
        return real

    @staticmethod
    def _link(path: str) -> str | None:
        """Where a link leads; None when it is something else."""
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None  # noqa: PTH115 - as above

    def _find(self, parts: list[str]) -> int:
        """A handle of what stands at the end of these parts, none of which is a link; it isn't open yet (O_PATH, open(2))."""
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                inner = os.open(part, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            return os.open(parts[-1] if parts else ".", LOOK, dir_fd=folder)
        finally:
            os.close(folder)
