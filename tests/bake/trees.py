"""Root trees for tests, from a table of paths and contents."""

from __future__ import annotations

import os
from pathlib import Path

from stoneware.bake.inventory import take_inventory
from stoneware.model.component import Component, Inventory

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


def plant(root: Path, files: dict[str, str | bytes]) -> Path:
    """Writes files with their folders below `root`; a content that begins with `-> ` is a link's target."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def paths_of(root: Path) -> list[str]:
    """Every path of a tree as a listing has it."""
    found = [
        str(Path(folder, name).relative_to(root))
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    ]
    return sorted(found)


def inventory_of(root: Path, files: dict[str, str | bytes]) -> Inventory:
    """The inventory of a tree with these files."""
    return take_inventory(plant(root, files), paths_of(root))


def component(name: str, version: str = "1.0") -> Component:
    """Any Debian package."""
    purl = f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12"
    return Component(type="deb", name=name, version=version, arch="amd64", purl=purl, path="var/lib/dpkg/status")
