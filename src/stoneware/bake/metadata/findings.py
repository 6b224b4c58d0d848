"""What is gathered on the way through a tree: components that make sense, and notes of what doesn't."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stoneware.bake.confined import Tree
from stoneware.bake.metadata.release import Release
from stoneware.bake.metadata.text import decoded, plain
from stoneware.bake.purl import package_url
from stoneware.model.component import Component, ComponentType
from stoneware.model.listing import shown_path

NAMES: dict[ComponentType, re.Pattern[str]] = {
    "apk": re.compile(r"[A-Za-z0-9._+-]{1,200}"),
    "deb": re.compile(r"[a-z0-9][a-z0-9+.-]{0,200}"),
    "npm": re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]{0,200}/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]{0,200}"),
    "pypi": re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?"),
}
VERSION = re.compile(r"[!-~]{1,200}")
ARCH = re.compile(r"[a-z0-9_-]{0,40}")


@dataclass
class Findings:
    """Components and notes. `release` says which system the tree is of."""

    tree: Tree
    release: Release
    components: set[Component] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def text(self, path: str, limit_bytes: int) -> str:
        """A file of the tree as text. Raises Unreadable."""
        return decoded(self.tree.read(path, limit_bytes))

    def note(self, path: str, why: str) -> None:
        """Something there speaks of a package and can't be understood."""
        self.unread.add(f"{shown_path(path)}: {plain(why)}")

    def enter(
        self,
        path: str,
        type_: ComponentType,
        name: str,
        version: str,
        *,
        arch: str = "",
        source: str = "",
        licences: tuple[str, ...] = (),
    ) -> None:
        """A component as its metadata has it; a note when it can't be one."""
        if not (NAMES[type_].fullmatch(name) and VERSION.fullmatch(version) and ARCH.fullmatch(arch)):
            self.note(path, f"no {type_} package has the name {name!r}, the version {version!r}, and {arch!r} after it")
            return
        scope, _, short = name.rpartition("/")
        system = type_ in ("apk", "deb")
        qualifiers = {"arch": arch, "distro": self.release.distro if system else ""}
        purl = package_url(type_, short, version, self.release.id if system else scope, qualifiers)
        self.components.add(
            Component(
                type=type_,
                name=name,
                version=version,
                arch=arch,
                purl=purl,
                path=shown_path(path),
                source=plain(source),
                licences=tuple(sorted({plain(one) for one in licences if plain(one)})),
            )
        )
