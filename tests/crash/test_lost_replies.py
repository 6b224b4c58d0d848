"""An engine or a proxy does what it was asked and the answer is lost, or it is away for a while. The end is the same."""

from __future__ import annotations

import pytest
from tests.crash.test_kill_at_every_effect import points_of
from tests.support.simulation import World

from stoneware.errors import Unreachable

NEVER_FAILING = ("commit", "note")
BY_THE_WAY = ("facts", "contents", "snapshots")
"""What depends on how far a story came before it turned back: who has had a disk, and what was kept of it."""


def lasting(picture: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in picture.items() if key not in BY_THE_WAY}


@pytest.mark.parametrize("lost", [True, False], ids=["the reply is lost", "it is away three times"])
def test_the_end_is_the_same(story: tuple[World, str], lost: bool) -> None:
    world, operation = story
    reference = world.copy()
    points, picture, result = points_of(reference, operation)
    reference.close()
    for verb in {verb for _, verb, _, _ in points if verb not in NEVER_FAILING}:
        twin = world.copy()
        on = twin.switch if verb in ("apply", "remove") else twin.engine
        on.fail_next(verb, Unreachable("away"), times=1 if lost else 3, after_effect=lost)
        assert str(twin.run(operation).result) == result, verb
        if lost:  # being away for longer may lead back from an earlier state, with fewer entries
            assert twin.picture() == picture, verb
        assert lasting(twin.picture()) == lasting(picture), verb
        assert twin.violations == [], verb
        twin.close()
