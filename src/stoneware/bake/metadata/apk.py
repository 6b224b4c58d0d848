"""Alpine's packages: apk's database of what is installed (`apk` v2: one letter, a colon, the value)."""

from __future__ import annotations

from stoneware.bake.metadata.findings import Findings
from stoneware.bake.metadata.text import fields, stanzas

LIMIT_BYTES = 64 * 2**20


def read(findings: Findings, path: str) -> None:
    """Enters every package. Raises Unreadable."""
    for stanza in stanzas(findings.text(path, LIMIT_BYTES)):
        found = fields(stanza)
        if "P" in found:
            licence = (found["L"],) if found.get("L") else ()
            findings.enter(
                path,
                "apk",
                found["P"],
                found.get("V", ""),
                arch=found.get("A", ""),
                source=found.get("o", ""),
                licences=licence,
            )
