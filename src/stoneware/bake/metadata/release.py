"""Which system a tree is of: os-release(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stoneware.bake.confined import Tree, Unreadable
from stoneware.bake.metadata.text import decoded

PLACES = ("etc/os-release", "usr/lib/os-release")
LIMIT_BYTES = 2**16
_LINE = re.compile(r"""^(ID|VERSION_ID)=(["']?)([a-z0-9._-]{1,100})\2\s*$""", re.MULTILINE)


@dataclass(frozen=True)
class Release:
    """`id` is `linux` where the tree doesn't say, as os-release(5) has it; `version` may be empty."""

    id: str = "linux"
    version: str = ""

    @property
    def distro(self) -> str:
        """`debian-12`; empty for a system without a version."""
        return f"{self.id}-{self.version}" if self.version else ""


def read_release(tree: Tree) -> Release:
    """The first of the two places that can be read counts, as for every program."""
    for place in PLACES:
        try:
            text = decoded(tree.read(place, LIMIT_BYTES))
        except Unreadable:
            continue
        found = {key: value for key, _, value in _LINE.findall(text)}  # of a key that is there twice, the last counts
        return Release(found.get("ID", "linux"), found.get("VERSION_ID", ""))
    return Release()
