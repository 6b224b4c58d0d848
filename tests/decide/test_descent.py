"""Descent: every image that stands on another, however far, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.descent import Origin, descendants, parents_of

A, B, C = ("sha256:" + letter * 64 for letter in "abc")

graphs = st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh"), max_size=3))


@pytest.mark.parametrize(
    ("base", "found"),
    [
        (A, True),
        ("base/1", True),
        ("base@" + "a" * 8, True),
        (f"base@{A}", True),
        ("base/2", False),
        ("base@" + "a" * 7, False),
        ("other@" + "a" * 8, False),
        ("base", False),
        ("debian:12", False),
        ("scratch", False),
        (C, False),
    ],
)
def test_a_base_is_named_in_many_ways(base: str, found: bool) -> None:
    known = [Origin(A, "base", 1, ()), Origin(B, "web", 1, ("scratch", base))]
    assert parents_of(known) == {A: set(), B: {A} if found else set()}


@pytest.mark.parametrize("name", ["base/1", "base@" + "a" * 8, f"base@{A}"])
@pytest.mark.parametrize(("digest", "parents"), [(A, {A}), (B, {B}), ("sha256:" + "d" * 64, set())])
def test_a_name_from_elsewhere_is_not_taken_for_an_image_here(name: str, digest: str, parents: set[str]) -> None:
    """What the digest says counts, also when no image has it."""
    known = [Origin(A, "base", 1, ()), Origin(B, "base", 2, ()), Origin(C, "web", 1, (name, digest))]
    assert parents_of(known)[C] == parents


def test_nothing_stands_on_itself() -> None:
    assert parents_of([Origin(A, "web", 1, (A, "web/1"))]) == {A: set()}


def test_descent_goes_on_and_the_nearest_come_first() -> None:
    parents = {"b": ["a"], "z": ["a"], "c": ["b"], "d": ["c", "x"], "y": ["x"]}
    assert descendants("a", parents) == ["b", "z", "c", "d"]
    assert descendants("y", parents) == []


@given(graphs)
def test_descendants_are_what_can_be_walked_to(parents: dict[str, set[str]]) -> None:
    found = descendants("a", parents)
    assert len(found) == len(set(found))
    assert "a" not in found
    whole = {"a", *found}
    assert all(parents[one] & whole for one in found), "each stands on one of them"
    assert all(one in whole for one, bases in parents.items() if bases & whole), "and nothing is left out"
