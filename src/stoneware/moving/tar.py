"""A tar archive with nothing in it but a few plain files, written byte for byte the same each time, and read with suspicion.

Only what `stoneware image export` and tools for OCI archives write is read: plain files and two folders, by names that are known
before. Links, devices, extended headers, sparse files, paths that lead out, a name twice: refused, before a byte of content is
touched. The reader keeps no more in memory than the names.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.errors import Refused

BLOCK = 512
END = 2 * BLOCK
RECORD = 20 * BLOCK
MOST_FILES = 10_000
MEMBER = re.compile(r"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")
"""All names that a layout's file may have (OCI image specification, "Image Layout")."""
FOLDERS = ("blobs", "blobs/sha256")


@dataclass(frozen=True)
class Member:
    """A file in an archive: where its content begins, and how long it is, in bytes."""

    offset: int
    size_bytes: int


def header(name: str, size_bytes: int) -> bytes:
    """The block before a file's content (format `oldgnu`: sizes beyond 8 GiB have a place in it)."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, EPOCH, 0o644
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def padding(size_bytes: int) -> bytes:
    """What fills the last block of a file's content."""
    return b"\0" * (-size_bytes % BLOCK)


def trailer(length: int) -> bytes:
    """What ends an archive of `length` bytes: two empty blocks, and the rest of the record."""
    return b"\0" * (END + -(length + END) % RECORD)


def members(handle: int, place: Path) -> Mapping[str, Member]:
    """The files of an open archive by name. Raises Refused naming the first thing that doesn't belong in one."""
    length, position = os.fstat(handle).st_size, 0
    found: dict[str, Member] = {}
    while block := _block(handle, position, place):
        info = _info(block, position, place)
        data = position + BLOCK
        if info.type == tarfile.DIRTYPE and info.name in FOLDERS and info.size == 0:
            position = data
            continue
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise Refused(
                f"{place}: {info.name!r} is no plain file", "an image has nothing else in it", code="archive-damaged"
            )
        if not MEMBER.fullmatch(info.name):
            raise Refused(
                f"{place}: {info.name!r} doesn't belong in an image", "export it again", code="archive-damaged"
            )
        if info.name in found:
            raise Refused(f"{place}: {info.name!r} is there twice", "export it again", code="archive-damaged")
        if len(found) >= MOST_FILES:
            raise Refused(f"{place} has more than {MOST_FILES} files", "no image has that many", code="archive-damaged")
        if data + info.size > length:
            raise _cut_off(place, length)
        found[info.name] = Member(data, info.size)
        _require_padding(handle, data + info.size, info.name, place)
        position = data + -(-info.size // BLOCK) * BLOCK
    _require_end(handle, position, length, place)
    return found


def _block(handle: int, position: int, place: Path) -> bytes | None:
    """The header at a position; None at the end of the archive."""
    block = os.pread(handle, BLOCK, position)
    if len(block) < BLOCK:
        raise _cut_off(place, position + len(block))
    return block if block.count(0) < BLOCK else None


def _info(block: bytes, position: int, place: Path) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        if info.size < 0:
            raise tarfile.HeaderError("negative size")
    except (tarfile.HeaderError, ValueError) as broken:
        hint = "it is no file that `stoneware image export` wrote, or it was changed"
        raise Refused(
            f"{place}: no header of a tar archive at byte {position}: {broken}", hint, code="archive-damaged"
        ) from broken
    return info


def _require_padding(handle: int, end: int, name: str, place: Path) -> None:
    """What fills a content's last block is empty, and all there."""
    wanted = padding(end)
    found = os.pread(handle, len(wanted), end)
    if len(found) < len(wanted):
        raise _cut_off(place, end + len(found))
    if found != wanted:
        raise Refused(
            f"{place}: something stands behind {name!r}, at byte {end}",
            "export it again, or copy it again",
            code="archive-damaged",
        )


def _require_end(handle: int, position: int, length: int, place: Path) -> None:
    """Two empty blocks end an archive. Tools write nothing behind them (as Go's do), or fill the record."""
    rest = length - position
    if rest < END:
        raise _cut_off(place, length)
    if rest > END + RECORD or os.pread(handle, rest, position).strip(b"\0"):
        raise Refused(
            f"{place}: something stands behind the end, at byte {position + BLOCK}",
            "export it again",
            code="archive-damaged",
        )
    if rest != END and length % RECORD:
        raise _cut_off(place, length)


def _cut_off(place: Path, length: int) -> Refused:
    return Refused(f"{place} is cut off after {length} bytes", "copy it again", code="archive-damaged")
