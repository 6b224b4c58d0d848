"""A folder as a file system that proves itself: erofs with its dm-verity hash tree behind it, in one file.

Equal folders give equal bytes: times, identifiers and salt are fixed, and erofs sorts names.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, Misconfigured, ToolFailed
from stoneware.model.image import Verity

BLOCK = 4096
SALT = "-"
"""None (veritysetup's and the kernel's word for it): a salt would only make equal files differ."""
UUID = "00000000-0000-0000-0000-000000000000"


def program() -> Path:
    """The program that writes erofs. Raises Misconfigured when this host has none."""
    found = shutil.which("mkfs.erofs", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Misconfigured("there is no mkfs.erofs on this host", "install erofs-utils", code="tool-missing")
    return Path(found)


def seal_folder(space: Workspace, folder: Path, out: Path) -> Verity:
    """Writes the sealed form of a folder to `out`. Raises BakeFailed."""
    words: list[str | Path] = ["mkfs.erofs", "--quiet", "-zlz4", f"-T{EPOCH}", f"-U{UUID}"]
    try:
        space.run([*words, out, folder], timeout_s=1800, quiet=True)
        with out.open("r+b") as file:
            blocks = -(-file.seek(0, os.SEEK_END) // BLOCK)
            file.truncate(blocks * BLOCK)
        words = ["veritysetup", "format", "--no-superblock", f"--hash-offset={blocks * BLOCK}", f"--salt={SALT}"]
        words += [f"--data-blocks={blocks}", out, out]
        printed = space.run(words, timeout_s=600, quiet=True).stdout
    except ToolFailed as failed:
        if "No space left" in failed.tail:
            why, hint = "no space left on the disk", "free some space and bake again"
            raise BakeFailed(why, "seal", failed.tail, hint, code="disk-full") from failed
        hint = "see the last lines above"
        raise BakeFailed(f"the tree can't be sealed: {failed.message}", "seal", failed.tail, hint) from failed
    found = [line.split()[-1] for line in printed.splitlines() if line.startswith("Root hash")]
    if not found:
        raise BakeFailed("veritysetup printed no root hash", "seal", printed)
    return Verity(root_hash=found[0], salt=SALT, data_blocks=blocks, hash_start_block=blocks)


def verify_words(file: Path, verity: Verity) -> list[str | Path]:
    """The words of a program that reads a sealed layer whole and proves it against its root hash."""
    words: list[str | Path] = [
        "veritysetup",
        "verify",
        "--no-superblock",
        f"--hash-offset={verity.hash_start_block * BLOCK}",
    ]
    words += [f"--data-blocks={verity.data_blocks}", f"--salt={verity.salt}", file, file, verity.root_hash]
    return words
