"""npm's packages: the `package.json` of each folder that stands in a `node_modules`."""

from __future__ import annotations

from stoneware.bake.metadata.findings import Findings
from stoneware.outside import parsed

LIMIT_BYTES = 4 * 2**20
KEYS = ("name", "version", "license")


def read(findings: Findings, path: str) -> None:
    """Enters the package. Raises Unreadable."""
    try:
        found = parsed(findings.text(path, LIMIT_BYTES))
    except ValueError:
        findings.note(path, "it is no JSON")
        return
    said = found if isinstance(found, dict) else {}
    name, version, licence = (value if isinstance(value := said.get(key), str) else "" for key in KEYS)
    findings.enter(path, "npm", name, version, licences=(licence,) if licence else ())
