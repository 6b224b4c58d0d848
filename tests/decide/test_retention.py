"""Which releases are forgotten: never the current one, nor the one that a rollback leads to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.decide.releases import group, release, spec

from stoneware.decide.retention import releases_to_forget

DECLARED = spec({"web": group()})


@given(st.sets(st.integers(1, 30), min_size=1), st.integers(1, 10), st.data())
def test_what_is_forgotten_is_old_and_not_needed(numbers: set[int], keep: int, data: st.DataObject) -> None:
    current = data.draw(st.sampled_from(sorted(numbers)))
    previous = data.draw(st.sampled_from([None, *sorted(numbers)]))
    forgotten = releases_to_forget([release(n, DECLARED) for n in numbers], current, previous, keep)
    kept = numbers - set(forgotten)
    assert forgotten == sorted(forgotten)
    assert {current, previous} - {None} <= kept
    assert set(sorted(numbers)[-keep:]) <= kept
    assert len(kept) <= keep + 2
