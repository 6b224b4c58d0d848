"""Where an image comes from: one file, or a folder with the same files in it. Nothing of either is believed.

The daemon reads with its own rights. Whoever can reach its socket is its owner already, so nobody reads through it what they
couldn't read without it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from stoneware.errors import NotFound, Refused
from stoneware.moving.tar import FOLDERS, MEMBER, MOST_FILES, members

PIECE = 2**20
WITHOUT_WAITING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""A pipe in the place of a file must not make us wait."""


class Source(Protocol):
    """The files of a layout by name (`index.json`, `blobs/sha256/HEX`), with their lengths."""

    place: Path

    def sizes(self) -> Mapping[str, int]: ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's content. It ends early when the file was cut off meanwhile."""


class Archive:
    """An open file. It stays the one that was opened, whatever happens to its name."""

    def __init__(self, place: Path, handle: int) -> None:
        self.place, self._handle = place, handle
        self._members = members(handle, place)

    def sizes(self) -> Mapping[str, int]:
        return {name: member.size_bytes for name, member in self._members.items()}

    def pieces(self, name: str) -> Iterator[bytes]:
        member = self._members[name]
        yield from _pieces(lambda at, count: os.pread(self._handle, count, member.offset + at), member.size_bytes)


class Folder:
    """An OCI image layout. Links in it are refused, wherever they lead."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._sizes = dict(self._walk())

    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def pieces(self, name: str) -> Iterator[bytes]:
        handle = os.open(self.place / name, WITHOUT_WAITING | os.O_NOFOLLOW)
        try:
            yield from _pieces(lambda at, count: os.pread(handle, count, at), self._sizes[name])
        finally:
            os.close(handle)

    def _walk(self) -> Iterator[tuple[str, int]]:
        waiting, seen = [""], 0
        while waiting:
            around = waiting.pop()
            with os.scandir(self.place / around) as found:
                for one in found:
                    name = f"{around}/{one.name}" if around else one.name
                    seen += 1
                    if seen > MOST_FILES:
                        raise Refused(
                            f"{self.place} has more than {MOST_FILES} files",
                            "no image has that many",
                            code="archive-damaged",
                        )
                    status = one.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode) and name in FOLDERS:
                        waiting.append(name)
                    elif not stat.S_ISREG(status.st_mode) or not MEMBER.fullmatch(name):
                        raise Refused(
                            f"{self.place}: {name!r} doesn't belong in an image",
                            "export it again",
                            code="archive-damaged",
                        )
                    else:
                        yield name, status.st_size


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Source]:
    """What lies there, checked as far as its names go. Raises NotFound, Refused, OSError."""
    try:
        handle = os.open(place, WITHOUT_WAITING)
    except FileNotFoundError:
        raise NotFound(f"there is no {place}", "name a file or folder that `stoneware image export` wrote") from None
    try:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind):
            yield Folder(place)
        elif stat.S_ISREG(kind):
            yield Archive(place, handle)
        else:
            raise Refused(f"{place} is neither a file nor a folder", "name one that `stoneware image export` wrote")
    finally:
        os.close(handle)


def _pieces(read: Callable[[int, int], bytes], size_bytes: int) -> Iterator[bytes]:
    at = 0
    while at < size_bytes and (piece := read(at, min(PIECE, size_bytes - at))):
        at += len(piece)
        yield piece
