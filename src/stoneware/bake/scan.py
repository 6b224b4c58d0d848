"""Reads a layer of a build from its folder: every name, with the digest of its content as it will be sealed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stoneware.bake.normal import is_left_out, needs_rewriting, rewritten
from stoneware.bake.tree import OPAQUE, WHITEOUT, Node, Tree
from stoneware.model.listing import FileEntry

_KINDS = {
    stat.S_IFDIR: "d",
    stat.S_IFREG: "f",
    stat.S_IFLNK: "l",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
}


def scan(root: Path) -> Tree:
    """The tree of a layer. Sockets are left out: they belong to whoever listened."""
    tree: Tree = {".": look(".", root)}
    for path, place in _walk(str(root)):
        node = look(path, Path(place))
        if node.entry.kind != "s":
            tree[path] = node
    return tree


def _walk(root: str) -> Iterator[tuple[str, str]]:
    """Every path below `root` (relative) with its place; a folder before what is in it."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(f"{root}/{folder}") as found:
            for one in found:
                path = f"{folder}/{one.name}" if folder else one.name
                if is_left_out(path):
                    continue  # and all that is in it
                yield path, one.path
                if one.is_dir(follow_symlinks=False):
                    waiting.append(path)


def look(path: str, at: Path) -> Node:
    """The node of one thing that stands at `at`, and has `path` in its tree."""
    place = str(at)
    seen = os.lstat(place)
    kind = _KINDS[stat.S_IFMT(seen.st_mode)]
    xattrs, clean = _attributes(place)
    mode, ref, size, content = stat.S_IMODE(seen.st_mode), "", 0, None
    if kind == "c" and seen.st_rdev == 0:
        return Node(FileEntry(WHITEOUT, 0, 0, 0, 0, "", ()))
    if kind == "f":
        ref, size, content = _content(path, place)
    elif kind == "l":
        ref, size = str(Path(place).readlink()), seen.st_size
    elif kind in "bc":
        ref = f"{os.major(seen.st_rdev)}:{os.minor(seen.st_rdev)}"
    twin = (seen.st_dev, seen.st_ino) if kind == "f" and seen.st_nlink > 1 else None
    return Node(FileEntry(kind, mode, seen.st_uid, seen.st_gid, size, ref, xattrs), place, content, twin, clean)


def _content(path: str, place: str) -> tuple[str, int, bytes | None]:
    """Digest (hex), size, and the content itself where it isn't the file's."""
    if needs_rewriting(path):
        before = Path(place).read_bytes()
        after = rewritten(path, before)
        return hashlib.sha256(after).hexdigest(), len(after), after if after != before else None
    with Path(place).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size, None


def _attributes(place: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """The extended attributes that belong to a thing (values as hex), and whether it has no others.

    File capabilities and what users set belong to it; overlayfs's own notes (but for an opaque folder) and labels of the
    host's security module don't.
    """
    kept, clean = [], True
    for name in sorted(os.listxattr(place, follow_symlinks=False)):
        value = os.getxattr(place, name, follow_symlinks=False)
        if name in (OPAQUE[0], "security.capability") or name.startswith("user."):
            kept.append((name, value.hex()))
        else:
            clean = False
    return tuple(kept), clean
