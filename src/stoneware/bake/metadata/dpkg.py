"""Debian's packages: dpkg's status file, and `status.d` as images without dpkg have it."""

from __future__ import annotations

import re

from stoneware.bake.confined import Unreadable
from stoneware.bake.metadata.findings import Findings
from stoneware.bake.metadata.text import fields, stanzas

LIMIT_BYTES = 64 * 2**20
COPYRIGHT_LIMIT_BYTES = 2**20
MOST_LICENCES = 50
_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)


def read(findings: Findings, path: str) -> None:
    """Enters every package that is installed. Raises Unreadable."""
    for stanza in stanzas(findings.text(path, LIMIT_BYTES)):
        found = fields(stanza)
        if "Package" not in found or not found.get("Status", "install ok installed").endswith(" installed"):
            continue
        name = found["Package"]
        findings.enter(
            path,
            "deb",
            name,
            found.get("Version", ""),
            arch=found.get("Architecture", ""),
            source=found.get("Source", "").partition(" ")[0],  # a version may follow in brackets
            licences=_licences(findings, name),
        )


def _licences(findings: Findings, name: str) -> tuple[str, ...]:
    """The short names in a copyright file that machines can read (DEP-5); nothing from one that only people can."""
    if "/" in name or name.startswith("."):
        return ()
    try:
        text = findings.text(f"usr/share/doc/{name}/copyright", COPYRIGHT_LIMIT_BYTES)
    except Unreadable:  # images without documents are usual
        return ()
    if not text.lstrip().startswith("Format"):
        return ()
    return tuple(sorted(set(_LICENCE.findall(text)))[:MOST_LICENCES])
