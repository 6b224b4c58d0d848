"""A rule that is broken on purpose is found out, within a bounded number of histories."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.simulation.mutations import MUTATIONS, Patch
from tests.simulation.play import play

MOST_HISTORIES = 100
IDS = [mutate.__name__ for mutate in MUTATIONS]


@pytest.mark.parametrize(("mutate", "much"), MUTATIONS.items(), ids=IDS)
def test_a_broken_rule_is_found_out(
    mutate: Callable[[Patch], None], much: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    histories = (play(seed, frozenset(much)) for seed in range(MOST_HISTORIES))
    found = next((history for history in histories if history.violations), None)
    assert found is not None, f"{mutate.__name__} went through {MOST_HISTORIES} histories"
    assert not found.violations[0].startswith(("no exception", "nothing_surprises")), found.violations[0]
