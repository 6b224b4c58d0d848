"""Counters: sums, differences, restarts of a proxy, and quantiles out of a histogram."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.model.measure import BOUNDS_MS, Counters


def timed(milliseconds: list[float]) -> Counters:
    """A histogram of these times."""
    within = tuple(sum(one < bound for one in milliseconds) for bound in BOUNDS_MS)
    return Counters(answers=len(milliseconds), timed=len(milliseconds), within=within)


def test_differences_and_sums() -> None:
    before, after = timed([1.5, 8]), timed([1.5, 8, 600])
    assert after.since(before) == timed([600])
    assert before.plus(timed([600])) == after
    assert after.since(Counters()) == after


def test_a_proxy_that_was_started_anew_counts_from_nothing() -> None:
    assert timed([4]).since(timed([4, 4, 4])) == timed([4])


def test_nothing_has_no_quantile() -> None:
    assert Counters().quantile_s(0.5) is None
    assert Counters().failed_percent == 0


def test_beyond_the_last_bound_nobody_knows() -> None:
    assert timed([20_000] * 10).quantile_s(0.5) == float("inf")


@given(st.lists(st.floats(0, 9_999), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_is_as_near_as_its_bucket(milliseconds: list[float], quantile: float) -> None:
    found = timed(milliseconds).quantile_s(quantile)
    assert found is not None
    rank = sorted(milliseconds)[
        min(len(milliseconds) - 1, max(0, -(-int(quantile * 1e9 * len(milliseconds)) // 10**9) - 1))
    ]
    upper = next(bound for bound in BOUNDS_MS if rank < bound)
    lower = max((bound for bound in BOUNDS_MS if bound <= rank), default=0)
    assert lower / 1000 <= found <= upper / 1000 + 1e-9


@pytest.mark.parametrize(("failed", "percent"), [(0, 0.0), (1, 10.0), (10, 100.0)])
def test_failures_in_percent(failed: int, percent: float) -> None:
    assert Counters(answers=10, failed=failed).failed_percent == percent
