"""Versions sort as their own package managers sort them."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.decide.versions import debian_key, order

DEBIAN = [
    "1.0~~",
    "1.0~~a",
    "1.0~",
    "1.0~rc1",
    "1.0",
    "1.0-1",
    "1.0-1+b1",
    "1.0a",
    "1.0+b",
    "1.0.1",
    "1.9",
    "1.10",
    "1:0",
]
SEMVER = ["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0"]
PYTHON = ["1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0+local", "1.0.post1", "1.9", "1.10", "1!0"]

written = st.from_regex(r"(?:[0-9]{1,3}:)?[0-9][0-9a-zA-Z.+~]{0,6}(?:-[0-9a-zA-Z.+~]{1,4})?", fullmatch=True)
anything = written | st.text(alphabet="019az.-+~:é", max_size=8) | st.text(max_size=5)


@pytest.mark.parametrize(("type_", "rising"), [("deb", DEBIAN), ("npm", SEMVER), ("pypi", PYTHON)])
def test_the_order_is_the_package_managers(type_: str, rising: list[str]) -> None:
    for (i, one), (j, other) in itertools.product(enumerate(rising), repeat=2):
        assert order(type_, one, other) == (i > j) - (i < j), (one, other)


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("deb", "1.0", "0:1.0"),
        ("deb", "1.0", "1.0-0"),
        ("deb", "1.01", "1.1"),
        ("deb", "1.", "1.0"),
        ("deb", "", "0"),
        ("npm", "1.0.0+a", "1.0.0+b"),
        ("pypi", "1.0", "1.0.0"),
    ],
)
def test_some_versions_are_written_in_several_ways(type_: str, one: str, other: str) -> None:
    assert order(type_, one, other) == 0


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("npm", "1.0", "2.0"),
        ("npm", "1.0.0", "latest"),
        ("pypi", "1.0", "unknown"),
        ("pypi", "1.0", "9" * 5000),
        ("apk", "1.0-r0", "1.0-r1"),
    ],
)
def test_what_the_rules_dont_cover_is_not_guessed(type_: str, one: str, other: str) -> None:
    assert order(type_, one, other) is None


def test_a_number_may_be_longer_than_python_converts() -> None:
    assert order("deb", "9" * 100_000, "1" + "0" * 100_000) == -1
    assert order("npm", "1.0." + "9" * 5000, "1.0.1") == 1


@settings(deadline=None)
@given(anything, anything, anything)
def test_the_order_of_debian_versions_is_total(a: str, b: str, c: str) -> None:
    low, middle, high = sorted((a, b, c), key=debian_key)
    assert order("deb", low, middle) in (-1, 0)
    assert order("deb", low, high) == -1 or order("deb", low, middle) == order("deb", middle, high) == 0
    assert order("deb", a, b) == -(order("deb", b, a) or 0)
    assert order("deb", a, a) == 0


@pytest.mark.host
@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this host")
@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(written, written), min_size=10, max_size=10))
def test_dpkg_agrees(pairs: list[tuple[str, str]]) -> None:
    script = 'for pair; do set -- $pair; for is in lt eq gt; do dpkg --compare-versions "$1" $is "$2" && echo $is; done; done'
    words = ["sh", "-c", script, "sh", *(f"{one} {other}" for one, other in pairs)]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.stderr == ""
    ours = {-1: "lt", 0: "eq", 1: "gt"}
    assert said.stdout.split() == [ours[debian_key_order(one, other)] for one, other in pairs]


def debian_key_order(one: str, other: str) -> int:
    verdict = order("deb", one, other)
    assert verdict is not None
    return verdict
