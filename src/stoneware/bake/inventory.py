"""What is installed in a root tree, as the metadata of its package managers says: Debian's, Alpine's, Python's, npm's.

The tree is a stranger's: nothing that it holds leads out of it, costs more than a bounded amount, or ends the bake. What can't
be understood is named, so that a list that isn't whole never looks as if it were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from stoneware.bake.confined import Tree, Unreadable
from stoneware.bake.metadata import apk, dpkg, npm, python
from stoneware.bake.metadata.findings import Findings
from stoneware.bake.metadata.release import read_release
from stoneware.model.component import Component, Inventory

Reader = Callable[[Findings, str], None]
READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+(?<!\.md5sums))?"), dpkg.read),
    (re.compile(r"(?:usr/)?lib/apk/db/installed"), apk.read),
    (
        re.compile(r"(?:.*/)?[^/]+(?:\.dist-info/METADATA|\.egg-info(?:/PKG-INFO)?|\.egg/EGG-INFO/PKG-INFO)", re.S),
        python.read,
    ),
    (re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^@./][^/]*/package\.json", re.S), npm.read),
)
"""Where metadata stands, and who reads it."""

ENDINGS = ("/status", "/installed", "/METADATA", "/PKG-INFO", ".egg-info", "/package.json")
"""Of all the paths of a tree, only few end like these: the patterns are tried on no others, nor on those of `status.d`."""


def take_inventory(root: Path, paths: Iterable[str]) -> Inventory:
    """What is installed in the tree at `root`, whose paths are these (relative, with `/` between, as os.fsdecode has them)."""
    tree = Tree(root)
    findings = Findings(tree, read_release(tree))
    for path in paths:
        if path.endswith(ENDINGS) or "/status.d/" in path:
            _read(findings, path)
    return Inventory(components=tuple(sorted(findings.components, key=_order)), unread=tuple(sorted(findings.unread)))


def _read(findings: Findings, path: str) -> None:
    for pattern, read in READERS:
        if pattern.fullmatch(path):
            try:
                read(findings, path)
            except Unreadable as why:
                findings.note(path, str(why))


def _order(one: Component) -> tuple[str, ...]:
    return (one.type, one.name, one.version, one.arch, one.path, one.source, *one.licences)
