"""A cpio archive (format `newc`, cpio(5)) with nothing in it that depends on when or by whom it was written."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass

FOLDER, FILE, LINK, DEVICE = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR


@dataclass(frozen=True)
class Entry:
    """One thing in the archive. `mode` holds type and permissions; `device` is major and minor of a character device."""

    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def archive(entries: Mapping[str, Entry], epoch: int) -> bytes:
    """The archive of entries by path (no leading slash), sorted, all owned by root and dated `epoch` (seconds)."""
    out = bytearray()
    for number, (path, entry) in enumerate(sorted(entries.items()), start=1):
        _add(out, number, path, entry, epoch)
    _add(out, 0, "TRAILER!!!", Entry(0), 0)
    out += b"\0" * (-len(out) % 512)
    return bytes(out)


def behind(first: bytes, entries: Mapping[str, Entry], epoch: int) -> bytes:
    """An initramfs with another archive behind it, which the kernel looks for at a multiple of four bytes
    (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    return first + b"\0" * (-len(first) % 4) + archive(entries, epoch)


def _add(out: bytearray, number: int, path: str, entry: Entry, epoch: int) -> None:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, epoch, len(entry.content), 0, 0, *entry.device, len(name), 0)
    out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out += b"\0" * (-len(out) % 4)
    out += entry.content
    out += b"\0" * (-len(out) % 4)
