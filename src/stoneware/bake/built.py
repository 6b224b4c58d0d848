"""A built image as buildah has it: its layers as folders, the tree that they make together, and its configuration."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed
from stoneware.host.kernel_files import lines_of


@dataclass(frozen=True)
class BuiltLayer:
    """One step's changes. `diff_id` is the digest of its archive (OCI image specification, `rootfs.diff_ids`)."""

    diff_id: str
    folder: Path


@dataclass(frozen=True)
class Built:
    """`tree` is all layers together (read it, never write); `config` is the OCI image configuration's `config`."""

    tree: Path
    layers: tuple[BuiltLayer, ...]
    config: dict[str, Any]


@contextlib.contextmanager
def opened(space: Workspace, image_id: str) -> Iterator[Built]:
    """A built image, mounted while it is looked at. Raises BakeFailed, ToolFailed."""
    inspected = json.loads(space.buildah("inspect", "--type", "image", image_id, quiet=True).stdout)["OCIv1"]
    diff_ids = inspected["rootfs"]["diff_ids"]
    space.buildah("from", "--pull=never", "--name", space.container, image_id, quiet=True)
    try:
        tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
        folders = _layer_folders(tree.resolve())
        if len(folders) != len(diff_ids):
            raise BakeFailed(f"the build has {len(diff_ids)} layers, {len(folders)} are mounted", "seal")
        layers = tuple(BuiltLayer(diff_id, folder) for diff_id, folder in zip(diff_ids, folders, strict=True))
        yield Built(tree, layers, inspected.get("config") or {})
    finally:
        space.buildah("rm", space.container, quiet=True)


def _layer_folders(tree: Path) -> list[Path]:
    """The folders stacked at a mount, lowest first: overlayfs names the uppermost first (proc(5), mountinfo)."""
    for line in lines_of(Path("/proc/self/mountinfo")):
        fields = line.split(" ")
        if fields[4].encode().decode("unicode_escape") == str(tree):
            options = dict(option.partition("=")[::2] for option in fields[-1].split(","))
            home = tree.parent.parent  # where relative names lead from
            return [(home / lower).resolve() for lower in reversed(options["lowerdir"].split(":"))]
    raise BakeFailed("the built image isn't mounted where buildah says", "seal")
