"""A root tree as data: what each layer of a build holds, and what all of them make together.

A layer is a folder as overlayfs keeps it (the kernel's `Documentation/filesystems/overlayfs.rst`): a character device 0/0 hides the
name below it (a whiteout), and a folder may be opaque, which hides all that lies below it. Both are kept as marks of a node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from stoneware.model.listing import FileEntry, path_bytes, to_lines

WHITEOUT = "w"
"""The kind of a node that hides what has its name in the layers below."""
OPAQUE = ("trusted.overlay.opaque", "79")
"""The attribute of a folder that hides what the layers below have in it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in a tree. Its content is `content`, else that of the file `source`.

    `twin` is the same for names of one file (hard links), so `entry.link` is empty here: which name is the first depends on what
    else is there. `clean` is False when the file carries attributes that don't belong.
    """

    entry: FileEntry
    source: str = ""
    content: bytes | None = None
    twin: tuple[int, int | str] | None = None
    clean: bool = True

    @property
    def is_folder(self) -> bool:
        return self.entry.kind == "d"

    @property
    def opaque(self) -> bool:
        return OPAQUE in self.entry.xattrs


Tree = dict[str, Node]
"""Nodes by path, without a leading slash; the root itself is the path `.`."""


def stack(layers: Iterable[Mapping[str, Node]], *, bottom: bool) -> Tree:
    """Layers, lowest first, as one layer. At the `bottom` nothing lies below, and no mark is needed."""
    merged: Tree = {}
    for layer in layers:
        _hide(merged, layer)
        for path, node in layer.items():
            merged[path] = _over(merged.get(path), node)
    if not bottom:
        return merged
    return {path: _plain(node) for path, node in merged.items() if node.entry.kind != WHITEOUT}


def _over(below: Node | None, node: Node) -> Node:
    """A node that comes over another one of its layer group: a folder over anything but a folder hides what is deeper still."""
    if node.is_folder and below is not None and not node.opaque and (not below.is_folder or below.opaque):
        return replace(node, entry=replace(node.entry, xattrs=(*node.entry.xattrs, OPAQUE)))
    return node


def _hide(merged: Tree, layer: Mapping[str, Node]) -> None:
    """Removes from `merged` what a layer over it hides: everything inside opaque folders and inside what is a folder no more."""
    hidden = {path for path, node in layer.items() if node.opaque or (not node.is_folder and _is_folder(merged, path))}
    if hidden:
        for path in [path for path in merged if _inside(path, hidden)]:
            del merged[path]


def _is_folder(tree: Tree, path: str) -> bool:
    found = tree.get(path)
    return found is not None and found.is_folder


def _inside(path: str, folders: set[str]) -> bool:
    while path:
        path = path.rpartition("/")[0]
        if path in folders:
            return True
    return False


def _plain(node: Node) -> Node:
    if not node.opaque:
        return node
    kept = tuple(pair for pair in node.entry.xattrs if pair != OPAQUE)
    return replace(node, entry=replace(node.entry, xattrs=kept))


def later_names(tree: Mapping[str, Node]) -> dict[str, str]:
    """The paths that are one more name of a file, each with that file's first one (by its bytes).

    Names of one file that are sealed with different contents, because a rule goes by the name, are no longer one file.
    """
    firsts: dict[tuple[object, FileEntry], str] = {}
    found = {}
    for path in sorted((path for path, node in tree.items() if node.twin), key=path_bytes):
        first = firsts.setdefault((tree[path].twin, tree[path].entry), path)
        if first != path:
            found[path] = first
    return found


def listing(tree: Mapping[str, Node]) -> dict[str, FileEntry]:
    """What a tree holds, without where its contents are."""
    links = later_names(tree)
    return {path: replace(node.entry, link=links[path]) if path in links else node.entry for path, node in tree.items()}


def merged(lists: Iterable[Mapping[str, FileEntry]]) -> dict[str, FileEntry]:
    """What layers hold together, from their listings, lowest first."""
    return listing(stack((_nodes(entries, number) for number, entries in enumerate(lists)), bottom=True))


def _nodes(entries: Mapping[str, FileEntry], number: int) -> Tree:
    """A listing as the tree of the layer with this number: names are of one file only within a layer."""
    firsts = {entry.link for entry in entries.values()} - {""}
    return {
        path: Node(
            replace(entry, link="") if entry.link else entry,
            twin=(number, entry.link or path) if entry.link or path in firsts else None,
        )
        for path, entry in entries.items()
    }


def tree_digest(entries: Mapping[str, FileEntry]) -> str:
    """The digest of a whole tree: names, kinds, modes, owners, contents, attributes and which names are of one file, whatever
    layers it came in.

    SHA-256 of the listing's lines (`model.listing.to_lines`), as `sha256:` and hex.
    """
    return "sha256:" + hashlib.sha256(to_lines(dict(entries))).hexdigest()
