"""An engine or a proxy does what it was asked and the answer is lost, or it is away for a while. The end is the same."""

from __future__ import annotations

import pytest
from tests.crash.test_kill_at_every_effect import points_of
from tests.support.simulation import World

from stoneware.errors import Unreachable

NEVER_FAILING = ("commit", "note")


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
        assert {**twin.picture(), "facts": []} == {**picture, "facts": []}, verb
        assert twin.violations == [], verb
        twin.close()
