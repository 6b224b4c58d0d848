"""What `stoneware doctor` wants to know of this host before a bake can run on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from stoneware.model.finding import Finding

TOOLS = {
    "buildah": "buildah",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "mkfs.erofs": "erofs-utils",
    "veritysetup": "cryptsetup-bin",
    "zstd": "zstd",
    "lz4": "lz4",
}
"""Programs by name, with the Debian package that has them."""


def check_bake() -> Sequence[Finding]:
    """The tools of a bake, and the rights it needs."""
    search = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    findings = []
    for tool, package in TOOLS.items():
        found = shutil.which(tool, path=search)
        if found:
            findings.append(Finding(name=tool, level="ok", text=found))
        else:
            findings.append(Finding(name=tool, level="fail", text="not installed", next_step=f"install {package}"))
    if os.geteuid() != 0:
        text = "bakes mount root trees, which needs root"
        findings.append(Finding(name="rights", level="fail", text=text, next_step="run `stoneware serve` as root"))
    return findings
