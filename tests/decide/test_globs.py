"""Paths by pattern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.globs import matches_glob


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "README.md", True),
        ("**/*.md", "docs/a/README.md", True),
        ("docs/**", "docs/a/b.txt", True),
        ("docs/**", "docs", False),
        ("docs/**", "more/docs/a", False),
        ("**", "any/thing", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "az", False),
        ("app/?.py", "app/a.py", True),
        ("app/?.py", "app//.py", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[!a-c]x", "dx", True),
        ("[^a]x", "/x", False),
        ("[", "[", True),
        ("a[]b", "a[]b", True),
        ("[z-a]", "-", False),
        ("./app/*", "app/x", True),
        ("a.c", "abc", False),
        ("a+(b)", "a+(b)", True),
        ("**a", "za", True),
        ("**a", "x/za", False),
        ("**/**/x", "x", True),
        ("a/**", "a/", True),
        ("**/a/**/b", "q/a/b", True),
        ("**/a/**/b", "b", False),
        ("new\nline*", "new\nlines", True),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches_glob(pattern, path) is fits


def test_no_pattern_takes_long_to_fail() -> None:
    assert not matches_glob("/".join(["**", "a"] * 200), "/".join(["a"] * 399 + ["b"]))
    assert not matches_glob("*a" * 200 + "b", "a" * 4000)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    matches_glob(pattern, path)


@given(st.text(alphabet="abc./-", max_size=40))
def test_a_plain_path_fits_itself_alone(path: str) -> None:
    assert matches_glob(path, path.removeprefix("./"))
    assert not matches_glob(path, path + "x")
