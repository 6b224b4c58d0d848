"""What differs between two images. Two lists of packages or two listings of files in, the differences out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from stoneware.decide.versions import order
from stoneware.model.component import Component, ComponentType
from stoneware.model.difference import FileChange, FilesDifference, PackageChange, PackagesDifference
from stoneware.model.listing import FileEntry, path_bytes

Identity = tuple[ComponentType, str, str]


def diff_packages(a: Iterable[Component], b: Iterable[Component]) -> PackagesDifference:
    """What was done to the packages on the way from `a` to `b`.

    A package is the same one by type, name and architecture. Where one version of it went and one came, it was upgraded or
    downgraded; a tree may hold several versions of one package, and then versions come and go one by one.
    """
    old, new = _versions(a), _versions(b)
    lists: dict[str, list[PackageChange]] = {name: [] for name in PackagesDifference.model_fields}
    for identity in sorted(old.keys() | new.keys()):
        for name, change in _package_changes(identity, old.get(identity, Counter()), new.get(identity, Counter())):
            lists[name].append(change)
    return PackagesDifference(**{name: tuple(changes) for name, changes in lists.items()})


def _versions(components: Iterable[Component]) -> dict[Identity, Counter[str]]:
    found: dict[Identity, Counter[str]] = {}
    for one in components:
        found.setdefault((one.type, one.name, one.arch), Counter())[one.version] += 1
    return found


def _package_changes(identity: Identity, old: Counter[str], new: Counter[str]) -> Iterator[tuple[str, PackageChange]]:
    """Which list a change belongs to, and the change."""
    type_, name, arch = identity
    gone, come = sorted((old - new).elements()), sorted((new - old).elements())
    if len(gone) == len(come) == 1:
        verdict = {-1: "upgraded", 1: "downgraded"}.get(order(type_, gone[0], come[0]) or 0, "changed")
        yield verdict, PackageChange(type=type_, name=name, arch=arch, before=gone[0], after=come[0])
        return
    for version in gone:
        yield "removed", PackageChange(type=type_, name=name, arch=arch, before=version)
    for version in come:
        yield "added", PackageChange(type=type_, name=name, arch=arch, after=version)


def diff_files(a: Mapping[str, FileEntry], b: Mapping[str, FileEntry]) -> FilesDifference:
    """What was done to the files on the way from `a` to `b`."""
    return FilesDifference(
        added=tuple(FileChange(path, None, b[path]) for path in _in_order(b.keys() - a.keys())),
        removed=tuple(FileChange(path, a[path], None) for path in _in_order(a.keys() - b.keys())),
        changed=tuple(
            FileChange(path, a[path], b[path], _what(a[path], b[path]))
            for path in _in_order(a.keys() & b.keys())
            if a[path] != b[path]
        ),
    )


def _in_order(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=path_bytes)


def _what(before: FileEntry, after: FileEntry) -> tuple[str, ...]:
    """Of another type is other content too, which then needs no saying."""
    same_type = before.kind == after.kind
    words = (
        ("type", not same_type),
        ("content", same_type and (before.ref, before.size) != (after.ref, after.size)),
        ("mode", before.mode != after.mode),
        ("owner", (before.uid, before.gid) != (after.uid, after.gid)),
        ("xattrs", before.xattrs != after.xattrs),
        ("hard link", before.link != after.link),
    )
    return tuple(word for word, differs in words if differs)
