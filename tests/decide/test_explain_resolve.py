"""A name means one thing, or the answer says what it could mean."""

from __future__ import annotations

import pytest

from stoneware.decide.explain.resolve import resolve
from stoneware.errors import BadInput, NotFound
from stoneware.model.explanation import Subject

NAMES: dict[Subject, list[str]] = {
    "deployment": ["town", "rollout-3", "web"],
    "machine": ["town-web-r1-0", "town-web-r1-1"],
    "image": ["web/1", "web/2"],
    "operation": ["rollout-3", "bake-1"],
}


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ("town", "deployment", "town"),
        ("town-web-r1-1", "machine", "town-web-r1-1"),
        ("web/2", "image", "web/2"),
        ("bake-1", "operation", "bake-1"),
        ("operation:rollout-3", "operation", "rollout-3"),
        ("deployment:rollout-3", "deployment", "rollout-3"),
    ],
)
def test_a_name_means_its_thing(given: str, kind: str, name: str) -> None:
    assert resolve(given, NAMES) == (kind, name)


def test_a_name_of_several_things_is_answered_with_all_of_them() -> None:
    with pytest.raises(BadInput) as wrong:
        resolve("rollout-3", NAMES)
    assert wrong.value.code == "name-ambiguous"
    assert wrong.value.next_step == "say which: deployment:rollout-3, operation:rollout-3"


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("town-web", "town-web-r1-0 or town-web-r1-1"),
        ("web/3", "web/2 or web/1"),
        ("rollout-4", "rollout-3"),
        ("machine:town", "town-web-r1-0 or town-web-r1-1"),
        ("xyzzy", "`stoneware explain` shows all"),
    ],
)
def test_a_name_of_nothing_is_answered_with_what_is_near(given: str, near: str) -> None:
    with pytest.raises(NotFound) as wrong:
        resolve(given, NAMES)
    assert near in wrong.value.next_step


def test_only_the_kind_that_was_asked_for_is_looked_at() -> None:
    with pytest.raises(NotFound, match="no machine is named web/1"):
        resolve("machine:web/1", NAMES)
