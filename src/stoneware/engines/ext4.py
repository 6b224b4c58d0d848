"""A persistent disk as a file with an empty ext4 file system in it, wherever it is attached."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from stoneware.errors import ToolFailed, Unreachable
from stoneware.host.run import run
from stoneware.model.machine import WantedDisk

OPTIONS = "assume_storage_prezeroed=1,root_owner=0:0,nodiscard"
"""A sparse file is zeros already, and mke2fs notes so: else the machine would go on writing tables long after the first mount."""
LIMIT_S = 120.0


IDENTITY_AT = 1024 + 0x68
"""Where the superblock has it (the kernel's `filesystems/ext4/globals.rst`, s_uuid)."""


def identity_of(image: Path) -> str:
    """The identifier of the file system in a file. It goes wherever the data go; empty where there is no such file."""
    try:
        with image.open("rb") as data:
            data.seek(IDENTITY_AT)
            return data.read(16).hex()
    except FileNotFoundError:
        return ""


def wrong_identity(expected: str, image: Path) -> str:
    """What is wrong with a disk's file; empty for nothing. One of an earlier Stoneware has no `expected` one."""
    found = identity_of(image)
    if not found:
        return "its file is gone"
    return "the file of another disk lies in its place" if expected and found != expected else ""


def _first(name: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16]))


def make_ext4(image: Path, wanted: WantedDisk) -> None:
    """Makes the file anew, sparse, so that it takes what is written. The disk's name gives the file system its identifier.

    Raises Unreachable: what hinders mke2fs (a full disk) may pass.
    """
    image.unlink(missing_ok=True)
    image.touch(mode=0o600)
    with image.open("r+b") as out:
        out.truncate(wanted.size_bytes)
    words: list[str | Path] = ["mke2fs", "-q", "-t", "ext4", "-U", _first(wanted.name), "-m", "0", "-E", OPTIONS, image]
    try:
        run(words, timeout_s=LIMIT_S)
    except ToolFailed as broken:
        raise Unreachable(f"disk {wanted.name} can't be formatted: {broken.message}") from broken
