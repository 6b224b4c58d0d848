"""Writes an image as one file or as a folder: the same files in the same order, compared with their digests on the way.

What is written belongs to the daemon's user and is closed to others: an image may hold what its recipe put into it. Whoever
wants to give it away changes that themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from stoneware.bake.base import EPOCH
from stoneware.host.files import sync_folder
from stoneware.model.image import Manifest, SealedFile
from stoneware.moving.documents import LAYOUT, documents, sha256
from stoneware.moving.meter import Meter
from stoneware.moving.parts import Part
from stoneware.moving.tar import header, padding, trailer
from stoneware.moving.whole import pieces

Entry = tuple[str, Path | bytes, int]
"""A file of the layout: its name, what is in it, its length in bytes."""


def entries(manifest: Manifest, parts: Sequence[Part], original: str) -> list[Entry]:
    """All files of the layout; what several parts share stands in it once. The documents come first, for who reads in order."""
    made = documents(manifest, parts, original)
    found: dict[str, Entry] = {}
    for name, content in (("oci-layout", LAYOUT), ("index.json", made.index)):
        found[name] = (name, content, len(content))
    for content in (made.manifest, made.config):
        name = f"blobs/sha256/{sha256(content)}"
        found[name] = (name, content, len(content))
    for part in parts:
        name = f"blobs/sha256/{part.file.sha256}"
        if part.content is not None:
            found.setdefault(name, (name, part.content, part.file.size_bytes))
    return list(found.values())


def total_bytes(files: Sequence[Entry]) -> int:
    """How much is to be written."""
    return sum(size for _, _, size in files)


def write_archive(files: Sequence[Entry], out: Path, meter: Meter) -> None:
    """Writes one new file. Raises Refused when a stored file isn't what it was; OSError."""
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as tar:
        for name, content, size in files:
            tar.write(header(name, size))
            _copy(name, content, size, tar, meter)
            tar.write(padding(size))
        tar.write(trailer(tar.tell()))
        tar.flush()
        os.fsync(tar.fileno())


def write_layout(files: Sequence[Entry], out: Path, meter: Meter) -> None:
    """Writes a new folder. The files are copies: nobody reaches the store through them."""
    (out / "blobs" / "sha256").mkdir(parents=True)
    out.chmod(0o700)
    for name, content, size in files:
        with (out / name).open("xb") as file:
            _copy(name, content, size, file, meter)
            file.flush()
            os.fsync(file.fileno())
        os.utime(out / name, (EPOCH, EPOCH))
    for folder in (out / "blobs" / "sha256", out / "blobs", out):
        sync_folder(folder)


def _copy(name: str, content: Path | bytes, size_bytes: int, out: IO[bytes], meter: Meter) -> None:
    """A stored file is in the layout by its digest, which is the last part of its name there."""
    sealed = SealedFile(name=name, sha256=name.rpartition("/")[2], size_bytes=size_bytes)
    for piece in [content] if isinstance(content, bytes) else pieces(content, sealed):
        out.write(piece)
        meter.add(len(piece))
