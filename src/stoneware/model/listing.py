"""What a root tree holds, name by name: the file list of an image."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One thing in a tree. `kind` is f(ile), d(irectory), l(ink), c, b (devices), p(ipe), s(ocket) or w(hiteout).

    `ref` is the content's SHA-256 (hex) of a file, the target of a link, MAJOR:MINOR of a device. `size` is in bytes.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    ref: str
    xattrs: tuple[tuple[str, str], ...]


def to_lines(entries: dict[str, FileEntry]) -> bytes:
    """A compact JSON array a line, sorted by the path's bytes."""
    lines = [
        json.dumps([path, e.kind, e.mode, e.uid, e.gid, e.size, e.ref, e.xattrs], separators=(",", ":"))
        for path, e in sorted(entries.items(), key=lambda pair: pair[0].encode("utf-8", "surrogateescape"))
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def from_lines(lines: bytes) -> dict[str, FileEntry]:
    """The entries back."""
    found = {}
    for path, kind, mode, uid, gid, size, ref, xattrs in json.loads(b"[" + b",".join(lines.splitlines()) + b"]"):
        found[path] = FileEntry(kind, mode, uid, gid, size, ref, tuple((name, value) for name, value in xattrs))
    return found
