"""What differs between two images: their packages, and their files."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.model.component import ComponentType
from stoneware.model.listing import FileEntry
from stoneware.model.noun import Noun


class PackageChange(Noun):
    """A package that differs. `before` is empty when it was added, `after` when it was removed."""

    type: ComponentType
    name: str
    arch: str = ""
    before: str = ""
    after: str = ""


class PackagesDifference(Noun):
    """Packages that differ, each list sorted by type, name and arch.

    `changed` has another version that is neither older nor newer by the rules of its package manager.
    """

    added: tuple[PackageChange, ...] = ()
    removed: tuple[PackageChange, ...] = ()
    upgraded: tuple[PackageChange, ...] = ()
    downgraded: tuple[PackageChange, ...] = ()
    changed: tuple[PackageChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.upgraded or self.downgraded or self.changed)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs. `before` is None when it was added, `after` when it was removed.

    `what` says what differs where both are there: `type`, `content`, `mode`, `owner`, `xattrs`,
    `hard link` (of which file it is one more name).
    """

    path: str
    before: FileEntry | None
    after: FileEntry | None
    what: tuple[str, ...] = ()

    @property
    def delta_bytes(self) -> int:
        """By how much the path's size grew."""
        return (self.after.size if self.after else 0) - (self.before.size if self.before else 0)


@dataclass(frozen=True, slots=True)
class FilesDifference:
    """Paths that differ, each list sorted by the path's bytes."""

    added: tuple[FileChange, ...] = ()
    removed: tuple[FileChange, ...] = ()
    changed: tuple[FileChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def delta_bytes(self) -> int:
        """By how much all of it grew."""
        return sum(change.delta_bytes for change in (*self.added, *self.removed, *self.changed))
