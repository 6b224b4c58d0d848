"""A listing: every path of a root tree with what it is. Pure data, small enough to lie beside the image that it describes.

As bytes it has one compact JSON array a line, `[path, kind, mode, uid, gid, size, ref, xattrs]`, sorted by the path's bytes. A path
that is one more name of a file (a hard link) has a ninth part, the first name of that file. (Images of an earlier Stoneware have
none, and keep their digests.)
Equal trees give equal bytes, and `diff` and `grep` can read it. Paths are bytes on Linux: those that are no UTF-8 are kept as
Python's `surrogateescape` (PEP 383) has them, and JSON's `\\udcXX` carries them through any encoding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stoneware.errors import BadInput

KINDS = frozenset("fdlcbpsw")
"""File, directory, symbolic link, character device, block device, pipe (FIFO), socket; and, in a layer that lies over others,
a whiteout: its path is hidden."""

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What stands at a path.

    `mode` has the twelve permission bits only (the type is `kind`). `size` is bytes: a file's content, a link's target; 0 for
    the rest. `ref` is a file's SHA-256 (hex), a link's target, a device's `major:minor`, else empty. `xattrs` are pairs of
    name and value (hex), sorted by name. `link` is the first name of a file that has another name before this one, else empty.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    ref: str
    xattrs: tuple[tuple[str, str], ...] = ()
    link: str = ""


def path_bytes(path: str) -> bytes:
    """The path as the file system has it. Raises UnicodeEncodeError for text that no path can be."""
    return path.encode("utf-8", "surrogateescape")


def shown_path(path: str) -> str:
    """The path as text that can be printed and sent: `\\xff` for each byte that is no UTF-8, escapes for control characters."""
    text = path_bytes(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def to_lines(listing: Mapping[str, FileEntry]) -> bytes:
    """The listing as bytes; equal listings give equal bytes. Raises BadInput for an entry that couldn't be read back."""
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
    lines = []
    for path, entry in sorted(listing.items(), key=lambda item: path_bytes(item[0])):
        row = [path, entry.kind, entry.mode, entry.uid, entry.gid, entry.size, entry.ref, entry.xattrs]
        if not _is_path(path) or not _is_entry(*row[1:]) or not _is_link(path, entry, listing):
            raise BadInput(f"a listing can't hold {path!r} as {entry}", code="image-damaged")
        row += [entry.link] if entry.link else []
        lines.append(encode(row))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def from_lines(data: bytes) -> dict[str, FileEntry]:
    """The listing in these bytes, in their order. Raises BadInput naming the first line that is no entry or out of order."""
    found: dict[str, FileEntry] = {}
    for number, (path, entry) in enumerate(_rows(data), 1):
        if not _is_link(path, entry, found):
            raise BadInput(f"listing: line {number} is a link to what isn't there", code="image-damaged")
        found[path] = entry
    return found


def _rows(data: bytes) -> Iterator[tuple[str, FileEntry]]:
    decode = json.JSONDecoder().decode
    last = b""
    lines = data.split(b"\n")
    if lines.pop():
        raise BadInput(f"listing: line {len(lines) + 1} has no end: the listing was cut off", code="image-damaged")
    for number, line in enumerate(lines, 1):
        try:
            path, kind, mode, uid, gid, size, ref, pairs, *links = decode(line.decode("ascii"))
            xattrs = tuple((name, value) for name, value in pairs) if pairs else ()
            here = path_bytes(path)
            good = here > last and _is_path(path) and _is_entry(kind, mode, uid, gid, size, ref, xattrs)
            good = good and (not links or (len(links) == 1 and type(links[0]) is str and links[0] != ""))
        except (ValueError, TypeError, AttributeError, RecursionError):
            good = False
        if not good:
            raise BadInput(f"listing: line {number} is no entry, or out of order", code="image-damaged")
        last = here
        yield path, FileEntry(kind, mode, uid, gid, size, ref, xattrs, *links)


def _is_link(path: str, entry: FileEntry, listing: Mapping[str, FileEntry]) -> bool:
    """Whether it is no link, or one to the same file under a name that comes before it."""
    first = listing.get(entry.link)
    if first is None or not entry.link:
        return not entry.link
    before = path_bytes(entry.link) < path_bytes(path)
    return before and entry.kind == "f" and not first.link and replace(entry, link="") == first


def _is_path(path: str) -> bool:
    """Relative and plain, in the one spelling that its bytes have; `.` is the root itself."""
    if path == ".":
        return True
    framed = f"/{path}/"
    if "//" in framed or "/./" in framed or "/../" in framed or "\0" in path:
        return False
    return _is_text(path)


def _is_text(text: str) -> bool:
    """Whether it stands for bytes, and is how those bytes are written. Raises UnicodeEncodeError for what stands for none."""
    return text.isascii() or path_bytes(text).decode("utf-8", "surrogateescape") == text


def _is_entry(kind: Any, mode: Any, uid: Any, gid: Any, size: Any, ref: Any, xattrs: Any) -> bool:
    return (
        type(mode) is type(uid) is type(gid) is type(size) is int
        and 0 <= mode <= 0o7777
        and 0 <= uid <= LARGEST
        and 0 <= gid <= LARGEST
        and 0 <= size <= LARGEST
        and type(kind) is type(ref) is str
        and kind in KINDS
        and _is_text(ref)
        and (not xattrs or all(type(one) is str and _is_text(one) for pair in xattrs for one in pair))
    )
