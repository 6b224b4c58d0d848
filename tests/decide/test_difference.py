"""Differences: each package and each path is in exactly one list, with what was done to it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.decide.difference import diff_files, diff_packages
from stoneware.model.component import Component, ComponentType
from stoneware.model.difference import PackageChange
from stoneware.model.listing import FileEntry


def package(name: str, version: str, type_: ComponentType = "deb", arch: str = "amd64", path: str = "") -> Component:
    return Component(type=type_, name=name, version=version, arch=arch, purl=f"pkg:{type_}/{name}", path=path)


FILE = FileEntry("f", 0o644, 0, 0, 10, "a" * 64)


def test_packages_are_added_removed_upgraded_downgraded() -> None:
    old = [package("apt", "2.6"), package("bash", "5.2-1"), package("curl", "7.88"), package("dash", "1")]
    new = [package("bash", "5.2-2"), package("curl", "7.88~rc1"), package("dash", "1"), package("vim", "9")]
    found = diff_packages(old, new)
    assert found.added == (PackageChange(type="deb", name="vim", arch="amd64", after="9"),)
    assert found.removed == (PackageChange(type="deb", name="apt", arch="amd64", before="2.6"),)
    assert found.upgraded == (PackageChange(type="deb", name="bash", arch="amd64", before="5.2-1", after="5.2-2"),)
    assert found.downgraded == (PackageChange(type="deb", name="curl", arch="amd64", before="7.88", after="7.88~rc1"),)
    assert found.changed == ()
    assert found


def test_the_same_packages_are_no_difference_whatever_their_order_and_path() -> None:
    old = [package("a", "1", "npm", path="x"), package("b", "1")]
    new = [package("b", "1"), package("a", "1", "npm", path="y")]
    assert not diff_packages(old, new)


def test_type_and_architecture_tell_packages_apart() -> None:
    old = [package("six", "1", "pypi", ""), package("libc6", "2", arch="amd64")]
    new = [package("six", "1", "deb", ""), package("libc6", "2", arch="i386")]
    found = diff_packages(old, new)
    assert [(one.type, one.name, one.arch) for one in found.added] == [("deb", "libc6", "i386"), ("deb", "six", "")]
    assert [(one.type, one.name, one.arch) for one in found.removed] == [("deb", "libc6", "amd64"), ("pypi", "six", "")]


def test_several_versions_of_one_package_come_and_go_one_by_one() -> None:
    old = [package("semver", "5.0.0", "npm"), package("semver", "6.0.0", "npm"), package("semver", "6.0.0", "npm")]
    up = diff_packages(old, [package("semver", "6.0.0", "npm"), package("semver", "7.0.0", "npm"), *old[1:2]])
    assert [(one.before, one.after) for one in up.upgraded] == [("5.0.0", "7.0.0")]
    fewer = diff_packages(old, old[:2])
    assert [one.before for one in fewer.removed] == ["6.0.0"]
    unpaired = diff_packages(old[:2], [package("semver", "8.0.0", "npm")])
    assert [one.before for one in unpaired.removed] == ["5.0.0", "6.0.0"]
    assert [one.after for one in unpaired.added] == ["8.0.0"]


@pytest.mark.parametrize(
    ("type_", "before", "after"), [("apk", "1-r0", "1-r1"), ("npm", "latest", "1.0.0"), ("deb", "1.0", "1.0-0")]
)
def test_a_version_that_is_neither_older_nor_newer_is_changed(type_: ComponentType, before: str, after: str) -> None:
    found = diff_packages([package("a", before, type_)], [package("a", after, type_)])
    assert [(one.before, one.after) for one in found.changed] == [(before, after)]
    assert found
    assert not (found.upgraded or found.downgraded)


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (FileEntry("f", 0o644, 0, 0, 10, "b" * 64), ("content",)),
        (FileEntry("f", 0o644, 0, 0, 11, "a" * 64), ("content",)),
        (FileEntry("f", 0o755, 0, 0, 10, "a" * 64), ("mode",)),
        (FileEntry("f", 0o644, 1, 0, 10, "a" * 64), ("owner",)),
        (FileEntry("f", 0o644, 0, 1, 10, "a" * 64), ("owner",)),
        (FileEntry("f", 0o644, 0, 0, 10, "a" * 64, (("user.a", "00"),)), ("xattrs",)),
        (FileEntry("l", 0o644, 0, 0, 3, "abc"), ("type",)),
        (FileEntry("d", 0o700, 5, 0, 0, ""), ("type", "mode", "owner")),
        (FileEntry("f", 0o600, 0, 7, 12, "b" * 64), ("content", "mode", "owner")),
    ],
)
def test_what_changed_is_said(after: FileEntry, what: tuple[str, ...]) -> None:
    found = diff_files({"a": FILE}, {"a": after})
    [change] = found.changed
    assert (change.path, change.before, change.after, change.what) == ("a", FILE, after, what)
    assert found.delta_bytes == change.delta_bytes == after.size - 10
    assert found.added == found.removed == ()


def test_sizes_and_order() -> None:
    odd = os.fsdecode(b"\xff")
    big = FileEntry("f", 0o644, 0, 0, 1000, "c" * 64)
    found = diff_files({"gone": FILE, "same": FILE}, {"same": FILE, odd: big, "é": FILE, "z": FILE})
    assert [change.path for change in found.added] == ["z", "é", odd]
    assert [change.delta_bytes for change in found.added] == [10, 10, 1000]
    assert [(change.path, change.delta_bytes) for change in found.removed] == [("gone", -10)]
    assert found.delta_bytes == 1010


listings = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        FileEntry,
        kind=st.sampled_from("fdl"),
        mode=st.sampled_from([0o644, 0o755]),
        uid=st.integers(0, 1),
        gid=st.just(0),
        size=st.integers(0, 2),
        ref=st.sampled_from("xy"),
    ),
)


@settings(deadline=None)
@given(listings, listings)
def test_each_path_that_differs_is_in_one_list_and_says_why(a: dict[str, FileEntry], b: dict[str, FileEntry]) -> None:
    found = diff_files(a, b)
    everything = (*found.added, *found.removed, *found.changed)
    assert {change.path for change in everything} == {path for path in a | b if a.get(path) != b.get(path)}
    assert len({change.path for change in everything}) == len(everything)
    assert all(change.what for change in found.changed)
    assert found.delta_bytes == sum(one.size for one in b.values()) - sum(one.size for one in a.values())
    assert bool(found) == (a != b)
