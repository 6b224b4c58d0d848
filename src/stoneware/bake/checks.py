"""What `stoneware doctor` wants to know of this host before a bake can run on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stoneware.model.finding import Finding

TOOLS = {
    "buildah": "buildah",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "mkfs.erofs": "erofs-utils",
    "veritysetup": "cryptsetup-bin",
    "zstd": "zstd",
    "lz4": "lz4",
    "ip": "iproute2",
}
"""Programs by name, with the Debian package that has them."""
DISK_TOOLS = {"objcopy": "binutils", "sgdisk": "gdisk", "mcopy": "mtools"}
"""The same for an image as a bootable disk; a host that makes none needs none."""
DISK_STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")


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
    missing = {package for tool, package in DISK_TOOLS.items() if not shutil.which(tool, path=search)}
    missing |= set() if DISK_STUB.is_file() else {"systemd-boot-efi"}
    if missing:
        text = "images can't be exported as bootable disks"
        step = f"to do that, install {' '.join(sorted(missing))}"
        findings.append(Finding(name="disk form", level="warn", text=text, next_step=step))
    else:
        findings.append(Finding(name="disk form", level="ok", text="images can be exported as bootable disks"))
    if os.geteuid() != 0:
        text = "bakes mount root trees, which needs root"
        findings.append(Finding(name="rights", level="fail", text=text, next_step="run `stoneware serve` as root"))
    return findings
