"""A tree as the archive of a container's layer (OCI image specification, "Image Layer Filesystem Changeset").

Equal trees give equal bytes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.bake.tree import OPAQUE, WHITEOUT, Node, later_names
from stoneware.model.listing import path_bytes

_TYPES = {
    "d": tarfile.DIRTYPE,
    "f": tarfile.REGTYPE,
    "l": tarfile.SYMTYPE,
    "c": tarfile.CHRTYPE,
    "b": tarfile.BLKTYPE,
    "p": tarfile.FIFOTYPE,
}


def pack(tree: Mapping[str, Node], out: Path) -> None:
    """Writes the archive: names sorted, a name that a file has already as a link to it, marks as `.wh.` files."""
    links = later_names(tree)
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(tree, key=path_bytes):
            node = tree[path]
            if path == ".":
                continue
            folder, _, name = path.rpartition("/")
            if node.entry.kind == WHITEOUT:
                tar.addfile(_header(f"{folder}/.wh.{name}".lstrip("/")))
                continue
            header = _node_header(path, node)
            if path in links:
                header.type, header.linkname, header.size = tarfile.LNKTYPE, links[path], 0
                tar.addfile(header)
            elif node.entry.kind == "f":
                _add_file(tar, header, node)
            else:
                tar.addfile(header)
            if node.opaque:
                tar.addfile(_header(f"{path}/.wh..wh..opq"))


def _add_file(tar: tarfile.TarFile, header: tarfile.TarInfo, node: Node) -> None:
    if node.content is not None or not node.source:
        tar.addfile(header, BytesIO(node.content or b""))
        return
    with Path(node.source).open("rb") as content:
        tar.addfile(header, content)


def _header(name: str) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.mtime, header.mode = EPOCH, 0o644
    return header


def _node_header(path: str, node: Node) -> tarfile.TarInfo:
    entry, header = node.entry, _header(path)
    header.type, header.mode, header.uid, header.gid = _TYPES[entry.kind], entry.mode, entry.uid, entry.gid
    if entry.kind == "f":
        header.size = entry.size
    elif entry.kind == "l":
        header.linkname = entry.ref
    elif entry.kind in "bc":
        major, _, minor = entry.ref.partition(":")
        header.devmajor, header.devminor = int(major), int(minor)
    # values of attributes are bytes; tarfile writes surrogates of them as they are
    header.pax_headers = {
        f"SCHILY.xattr.{name}": bytes.fromhex(value).decode("utf-8", "surrogateescape")
        for name, value in entry.xattrs
        if (name, value) != OPAQUE
    }
    return header
