"""What is installed in a root tree, as its own package databases say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stoneware.model.image import Package


def installed_packages(tree: Path) -> tuple[Package, ...]:
    """Debian's packages (`var/lib/dpkg/status`, and `status.d` as small images have it), sorted; empty without any."""
    database = tree / "var/lib/dpkg"
    files = [database / "status", *sorted((database / "status.d").glob("*"))]
    found = {package for file in files if file.is_file() for package in _read(file)}
    return tuple(sorted(found, key=lambda package: (package.name, package.arch, package.version)))


def _read(file: Path) -> Iterator[Package]:
    for stanza in file.read_text(errors="replace").split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith((" ", "\t"))
        )
        if "Package" in fields and fields.get("Status", "install ok installed").endswith(" installed"):
            yield Package(
                name=fields["Package"], version=fields.get("Version", ""), arch=fields.get("Architecture", "")
            )
