"""What is installed in a root tree: one component a package, whichever package manager brought it."""

from __future__ import annotations

from typing import Literal

from stoneware.model.noun import Noun

ComponentType = Literal["apk", "deb", "npm", "pypi"]
"""The type of a package URL (the purl specification's names)."""


class Component(Noun):
    """A package as its own metadata names it.

    `purl` is its package URL. `path` is the file that says that it is installed. `source` is the source package where that has
    a name of its own. `licences` are as the package words them, empty where it doesn't say.
    """

    type: ComponentType
    name: str
    version: str
    arch: str = ""
    purl: str
    path: str
    source: str = ""
    licences: tuple[str, ...] = ()


class Inventory(Noun):
    """All components of a tree, sorted by type, name, version and path.

    `unread` names metadata that speaks of a package and couldn't be understood, each with the reason: what is listed is then
    not all that there is.
    """

    components: tuple[Component, ...] = ()
    unread: tuple[str, ...] = ()


class BootComponent(Noun):
    """A package outside the root tree, of which something is sealed into the kernel's file or the initramfs: `component.path` is
    that file. `supplier` is whom the package names as its maintainer."""

    component: Component
    supplier: str = ""
