"""Inventories: what package managers say is there, from trees that mean well and from trees that don't."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bake.trees import DEBIAN, inventory_of, paths_of, plant

from stoneware.bake.inventory import take_inventory
from stoneware.bake.metadata import npm, python

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-8)
Version: 2.36-9+deb12u4
Description: GNU C Library
 Package: not-one
Conffiles:
 /etc/ld.so.conf.d/x.conf 0123

Package: gone
Status: deinstall ok config-files
Version: 1

Package: adduser
Status: hold ok installed
Architecture: all
Version: 3.134
"""
DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+ or BSD\n text\n"


def test_debians_packages_with_source_licences_and_distribution(tmp_path: Path) -> None:
    found = inventory_of(
        tmp_path,
        {
            "usr/lib/os-release": DEBIAN,
            "etc/os-release": "-> ../usr/lib/os-release",
            "var/lib/dpkg/status": STATUS,
            "usr/share/doc/libc6/copyright": DEP5 + "\nFiles: x\nLicense: LGPL-2.1+\n",
            "usr/share/doc/adduser/copyright": "This is free.\nLicense: GPL\n",
        },
    )
    assert found.unread == ()
    adduser, libc6 = found.components
    assert (adduser.name, adduser.version, adduser.arch, adduser.source) == ("adduser", "3.134", "all", "")
    assert adduser.purl == "pkg:deb/debian/adduser@3.134?arch=all&distro=debian-12"
    assert adduser.licences == ()
    assert libc6.purl == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12"
    assert (libc6.source, libc6.licences, libc6.path) == (
        "glibc",
        ("GPL-2+ or BSD", "LGPL-2.1+"),
        "var/lib/dpkg/status",
    )


def test_images_without_dpkg_have_a_file_a_package(tmp_path: Path) -> None:
    found = inventory_of(
        tmp_path,
        {
            "etc/os-release": "ID='ubuntu'\nVERSION_ID=24.04",
            "var/lib/dpkg/status.d/base-files": "Package: base-files\nVersion: 13\nArchitecture: amd64\n",
            "var/lib/dpkg/status.d/base-files.md5sums": "Package: x\nVersion: 1\n",
        },
    )
    assert [one.purl for one in found.components] == ["pkg:deb/ubuntu/base-files@13?arch=amd64&distro=ubuntu-24.04"]


@pytest.mark.parametrize("text", ["", "NAME=x\n", "ID=a b\n", "ID=../..\n", 'ID="deb', "# ID=x\n"])
def test_a_system_that_doesnt_say_what_it_is_is_linux(text: str, tmp_path: Path) -> None:
    found = inventory_of(tmp_path, {"etc/os-release": text, "var/lib/dpkg/status": "Package: ab\nVersion: 1\n"})
    assert [one.purl for one in found.components] == ["pkg:deb/linux/ab@1"]


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA",
        "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info",
        "opt/PyYAML-6.0-py3.11.egg/EGG-INFO/PKG-INFO",
        "PyYAML-6.0.dist-info/METADATA",
    ],
)
def test_pythons_distributions_in_all_their_forms(path: str, tmp_path: Path) -> None:
    text = "Metadata-Version: 2.1\r\nName: PyYAML\r\nVersion: 6.0\r\nLicense: MIT\r\n\r\nName: no\nVersion: 1\n"
    found = inventory_of(tmp_path, {path: text})
    [one] = found.components
    assert (one.type, one.name, one.version, one.path) == ("pypi", "PyYAML", "6.0", path)
    assert (one.purl, one.licences) == ("pkg:pypi/pyyaml@6.0", ("MIT",))
    assert found.unread == ()


def test_a_licences_name_is_taken_but_not_its_text(tmp_path: Path) -> None:
    head = "Name: a{}\nVersion: 1\n"
    found = inventory_of(
        tmp_path,
        {
            "a1.dist-info/METADATA": head.format(1) + "License: old\nLicense-Expression: MIT OR Apache-2.0\n",
            "a2.dist-info/METADATA": head.format(2) + "License: UNKNOWN\n",
            "a3.dist-info/METADATA": head.format(3) + f"License: {'x' * (python.LONGEST_LICENCE + 1)}\n",
        },
    )
    assert [one.licences for one in found.components] == [("MIT OR Apache-2.0",), (), ()]


def test_npms_packages_stand_in_node_modules_and_nowhere_else(tmp_path: Path) -> None:
    def package(name: str, **more: object) -> str:
        return json.dumps({"name": name, "version": "1.2.3", **more})

    found = inventory_of(
        tmp_path,
        {
            "app/package.json": package("app"),
            "app/node_modules/express/package.json": package("express", license="MIT"),
            "app/node_modules/express/lib/package.json": package("inner"),
            "app/node_modules/express/node_modules/ms/package.json": package("ms", license={"type": "MIT"}),
            "app/node_modules/@types/node/package.json": package("@types/node"),
            "app/node_modules/.pnpm/a@1/node_modules/a/package.json": b"\xef\xbb\xbf" + package("a").encode(),
            "app/node_modules/.cache/package.json": package("cache"),
            "usr/lib/node_modules/npm/package.json": package("npm"),
            "node_modules/top/package.json": package("top"),
        },
    )
    assert [one.name for one in found.components] == ["@types/node", "a", "express", "ms", "npm", "top"]
    assert found.components[0].purl == "pkg:npm/%40types/node@1.2.3"
    assert [one.licences for one in found.components][2:4] == [("MIT",), ()]
    assert found.unread == ()


def test_alpines_packages(tmp_path: Path) -> None:
    text = "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl-src\nF:lib\nR:ld.so\n\nP:.deps\nV:0\nA:noarch\n\n"
    found = inventory_of(tmp_path, {"etc/os-release": "ID=alpine\nVERSION_ID=3.19.0\n", "lib/apk/db/installed": text})
    assert [one.purl for one in found.components] == [
        "pkg:apk/alpine/.deps@0?arch=noarch&distro=alpine-3.19.0",
        "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.0",
    ]
    assert (found.components[1].source, found.components[1].licences) == ("musl-src", ("MIT",))


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("node_modules/a/package.json", b"{", "no JSON"),
        ("node_modules/a/package.json", b"[" * 200_000, "no JSON"),
        ("node_modules/a/package.json", b"[1]", "no npm package"),
        ("node_modules/a/package.json", b'{"name": "a"}', "no npm package"),
        ("node_modules/a/package.json", b'{"name": ["a"], "version": {}}', "no npm package"),
        ("node_modules/a/package.json", b'{"name": "a\\ud800", "version": "1"}', "no npm package"),
        ("node_modules/a/package.json", b'{"name": "../../a", "version": "1"}', "no npm package"),
        ("node_modules/a/package.json", b'{"name": "a", "version": "1 2"}', "no npm package"),
        ("node_modules/a/package.json", b'{"name": "a", "version": ' + b"9" * 5000 + b"}", "no JSON"),
        ("node_modules/a/package.json", b'"' + b"x" * npm.LIMIT_BYTES + b'"', "more than"),
        ("a.dist-info/METADATA", b"", "no pypi package"),
        ("a.dist-info/METADATA", b"Name: a\n\nVersion: 1\n", "no pypi package"),
        ("a.dist-info/METADATA", b"Name: \xff\nVersion: 1\n", "no pypi package"),
        ("a.dist-info/METADATA", b"Name: a\nVersion: 1\x00\n", "no pypi package"),
        ("a.dist-info/METADATA", "-> /etc/passwd", "No such file"),
        ("a.egg-info", "-> a.egg-info", "circles"),
        ("var/lib/dpkg/status", b"Package: a/../b\nVersion: 1\n", "no deb package"),
        ("var/lib/dpkg/status", b"Package: ab\nArchitecture: amd64\n", "no deb package"),
        ("var/lib/dpkg/status", b"Package: ab\nVersion: " + b"1" * 5000, "no deb package"),
        ("lib/apk/db/installed", b"P:a b\nV:1\n", "no apk package"),
    ],
)
def test_what_cant_be_understood_is_named(path: str, content: str | bytes, why: str, tmp_path: Path) -> None:
    good = "b.dist-info/METADATA"
    found = inventory_of(tmp_path, {path: content, good: "Name: b\nVersion: 1\n"})
    assert [one.path for one in found.components] == [good]
    [note] = found.unread
    assert note.startswith(f"{path}: ")
    assert why in note
    assert note.isprintable()
    assert len(note) < 400


def test_one_bad_stanza_costs_no_other(tmp_path: Path) -> None:
    text = "Package: AB\nVersion: 1\n\nPackage: ab\nVersion: 1\n\n\x00\xff\n\nPackage: cd\nVersion: 2\n"
    found = inventory_of(tmp_path, {"var/lib/dpkg/status": text})
    assert [one.name for one in found.components] == ["ab", "cd"]
    assert len(found.unread) == 1


def test_a_tree_cant_make_us_read_the_host(tmp_path: Path) -> None:
    host = plant(tmp_path / "host", {"status": "Package: secret\nVersion: 1\n", "doc/copyright": DEP5})
    found = inventory_of(
        tmp_path / "root",
        {
            "var/lib/dpkg/status": f"-> {host}/status",
            "var/lib/dpkg/status.d/ab": "Package: ab\nVersion: 1\n",
            "usr/share/doc/ab": f"-> {host}/doc",
            "node_modules/x": f"-> {host}",
        },
    )
    assert [(one.name, one.licences) for one in found.components] == [("ab", ())]
    assert len(found.unread) == 1


def test_pipes_folders_and_vanished_paths_are_named(tmp_path: Path) -> None:
    plant(tmp_path, {"x.egg-info/PKG-INFO": "Name: x\nVersion: 1\n"})
    (tmp_path / "d.dist-info/METADATA").mkdir(parents=True)
    (tmp_path / "node_modules/p").mkdir(parents=True)
    os.mkfifo(tmp_path / "node_modules/p/package.json")
    found = take_inventory(tmp_path, [*paths_of(tmp_path), "var/lib/dpkg/status"])
    assert [one.name for one in found.components] == ["x"]
    assert [note.partition(":")[0] for note in found.unread] == [
        "d.dist-info/METADATA",
        "node_modules/p/package.json",
        "var/lib/dpkg/status",
    ]


def test_the_same_package_at_two_places_is_two_components_and_a_path_may_be_any_bytes(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\n/six.dist-info/METADATA")
    found = inventory_of(
        tmp_path, {odd: "Name: six\nVersion: 1\n", "a/six.dist-info/METADATA": "Name: six\nVersion: 1\n"}
    )
    assert [one.path for one in found.components] == ["\\xff\\n/six.dist-info/METADATA", "a/six.dist-info/METADATA"]
    assert found.model_dump_json()


ALMOST = st.text(alphabet="PVALo:\n {}[]\"',ameNVrsion1\x00\x85\u2028", max_size=200)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200)
    | st.text(alphabet="PVALo:\n {}[]\"',ameNVrsion1\x00\x85\u2028", max_size=200).map(str.encode)
)
def test_no_content_is_too_strange(content: bytes, tmp_path: Path) -> None:
    paths = [
        "etc/os-release",
        "var/lib/dpkg/status",
        "lib/apk/db/installed",
        "a.egg-info",
        "node_modules/a/package.json",
    ]
    found = inventory_of(tmp_path, dict.fromkeys(paths, content))
    assert all(one.purl.isascii() and one.name.isprintable() and one.version.isprintable() for one in found.components)
    assert found.model_validate_json(found.model_dump_json()) == found
