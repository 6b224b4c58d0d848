"""A tree made real in a folder, without copying what is on the disk already: each file is one more link to its content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from stoneware.bake.tree import WHITEOUT, Node, later_names
from stoneware.errors import BakeFailed
from stoneware.model.listing import FileEntry, path_bytes


def plant(tree: Mapping[str, Node], folder: Path) -> None:
    """Makes the tree in an empty folder, whiteouts as overlayfs has them. It must lie on the disk that holds the contents."""
    links = later_names(tree)
    for path in sorted(tree, key=path_bytes):
        node, place = tree[path], str(folder / path)
        parent = tree.get(path.rpartition("/")[0] or ".")
        if path != "." and (parent is None or not parent.is_folder):  # a link there would lead out of the folder
            raise BakeFailed(f"/{path} stands in what is no folder", "seal", next_step="mend the recipe")
        if path in links:
            os.link(folder / links[path], place, follow_symlinks=False)
        elif node.entry.kind == "f":
            _file(node, place)
        elif path != ".":
            _other(node.entry, place)
        if node.is_folder:
            _dress(node.entry, place)


def _file(node: Node, place: str) -> None:
    if node.content is None and node.clean and node.source:
        try:
            os.link(node.source, place, follow_symlinks=False)
            return
        except OSError:  # another disk, or a file that has too many links
            pass
    if node.content is None and node.source:
        shutil.copyfile(node.source, place, follow_symlinks=False)
    else:
        Path(place).write_bytes(node.content or b"")
    _dress(node.entry, place)


def _other(entry: FileEntry, place: str) -> None:
    if entry.kind == "d":
        Path(place).mkdir()
    elif entry.kind == "l":
        Path(place).symlink_to(entry.ref)
        os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
    elif entry.kind == WHITEOUT:
        os.mknod(place, 0o020000, os.makedev(0, 0))
    elif entry.kind == "p":
        os.mkfifo(place)
        _dress(entry, place)
    else:
        major, _, minor = entry.ref.partition(":")
        os.mknod(place, 0o060000 if entry.kind == "b" else 0o020000, os.makedev(int(major), int(minor)))
        _dress(entry, place)


def _dress(entry: FileEntry, place: str) -> None:
    """Owner before mode and attributes: a change of owner takes set-uid bits and capabilities away."""
    os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
    Path(place).chmod(entry.mode)
    for name, value in entry.xattrs:
        os.setxattr(place, name, bytes.fromhex(value))
