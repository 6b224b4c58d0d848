"""What a look into images and environments finds."""

from __future__ import annotations

from stoneware.model.difference import PackagesDifference
from stoneware.model.noun import Noun


class Verified(Noun):
    """An image that was proven: each part that held, in order, and the ids of the keys that signed its statements."""

    image: str
    digest: str
    held: tuple[str, ...]
    signed_by: tuple[str, ...]


class PathChange(Noun):
    """A path that differs between two trees. `how` is `added`, `removed`, or what differs (`content`, `mode` …); `delta_bytes` is
    by how much it grew."""

    path: str
    how: str
    delta_bytes: int


class ImageDifference(Noun):
    """What one image has that another hasn't. `facts` are lines about what isn't in the tree: kernel, init, writable paths."""

    before: str
    after: str
    same_tree: bool
    facts: tuple[str, ...]
    packages: PackagesDifference
    files: tuple[PathChange, ...]
    delta_bytes: int


class GroupDifference(Noun):
    """A group that differs between two environments; `only` names the one that has it, if only one has."""

    group: str
    only: str = ""
    why: tuple[str, ...] = ()
    image: ImageDifference | None = None


class EnvironmentView(Noun):
    """An environment and the deployments that run in it. `after` is the one that its images come from, if one is declared."""

    name: str
    after: str
    deployments: tuple[str, ...]


class EnvironmentDifference(Noun):
    """Two releases side by side. `settings` are differences of the whole and of services, a line each."""

    before: str
    after: str
    settings: tuple[str, ...]
    groups: tuple[GroupDifference, ...]
