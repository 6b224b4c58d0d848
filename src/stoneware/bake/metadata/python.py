"""Python's distributions: the core metadata in `*.dist-info/METADATA`, and the older forms of it in `egg-info`."""

from __future__ import annotations

from stoneware.bake.confined import NoFile
from stoneware.bake.metadata.findings import Findings
from stoneware.bake.metadata.text import fields, stanzas

LIMIT_BYTES = 4 * 2**20
"""A METADATA file holds the whole README, too."""

LONGEST_LICENCE = 100
"""What is longer is the licence's text, not its name."""


def read(findings: Findings, path: str) -> None:
    """Enters the distribution. Raises Unreadable."""
    try:
        text = findings.text(path, LIMIT_BYTES)
    except NoFile:
        if path.endswith(".egg-info"):  # a folder of that name has its PKG-INFO in it
            return
        raise
    found = fields((stanzas(text) or [[]])[0])
    licence = found.get("License-Expression") or found.get("License", "")
    named = licence and licence != "UNKNOWN" and len(licence) <= LONGEST_LICENCE
    findings.enter(path, "pypi", found.get("Name", ""), found.get("Version", ""), licences=(licence,) if named else ())
