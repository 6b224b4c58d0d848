"""Which packages the boot pack is made of: noted while their archives are there, and kept beside the pack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from stoneware.bake.metadata.text import fields, stanzas
from stoneware.bake.purl import package_url
from stoneware.errors import BakeFailed
from stoneware.host.files import write_atomic
from stoneware.model.component import BootComponent, Component

DISTRIBUTION, RELEASE = "debian", "debian-12"
NOTES = "stoneware-packages"
"""The folder, in a tree that mmdebstrap makes, with what the hook notes."""
HOOK = f"""\
#!/bin/sh -e
# called by mmdebstrap with the tree, when all packages are unpacked and their archives still there
mkdir "$1/{NOTES}"
for deb in "$1"/var/cache/apt/archives/*.deb; do
    name=$(dpkg-deb --field "$deb" Package)
    dpkg-deb --field "$deb" Package Version Architecture Source Maintainer >"$1/{NOTES}/$name.fields"
    dpkg-deb --fsys-tarfile "$deb" | tar --list >"$1/{NOTES}/$name.files"
done
"""
_MANY = TypeAdapter(tuple[BootComponent, ...])


def owners(tree: Path, files: Sequence[tuple[Path, str]]) -> tuple[BootComponent, ...]:
    """The packages that these files of a noted tree are of, by name; each file comes with what it is sealed into.

    Raises BakeFailed for a file that is of none.
    """
    holders: dict[str, str] = {}
    for noted in sorted((tree / NOTES).glob("*.files")):
        holders |= {line.removeprefix("./"): noted.stem for line in noted.read_text().splitlines()}
    found: dict[str, BootComponent] = {}
    for file, into in files:
        name = holders.get(str(file.relative_to(tree.resolve())))
        if name is None:
            raise BakeFailed(f"no package of the boot pack has {file}", next_step="bake again")
        if name not in found:
            found[name] = _component((tree / NOTES / f"{name}.fields").read_text(), into)
    return tuple(found[name] for name in sorted(found))


def _component(text: str, into: str) -> BootComponent:
    [stanza] = stanzas(text)
    said = fields(stanza)
    name, version, arch = said["Package"], said["Version"], said.get("Architecture", "")
    purl = package_url("deb", name, version, DISTRIBUTION, {"arch": arch, "distro": RELEASE})
    source = said.get("Source", "").partition(" ")[0]
    component = Component(type="deb", name=name, version=version, arch=arch, purl=purl, path=into, source=source)
    return BootComponent(component=component, supplier=said.get("Maintainer", "").partition(" <")[0])


def save(packages: tuple[BootComponent, ...], file: Path) -> None:
    write_atomic(file, _MANY.dump_json(packages))


def read(file: Path) -> tuple[BootComponent, ...]:
    """Raises FileNotFoundError, ValueError."""
    return _MANY.validate_json(file.read_bytes())
