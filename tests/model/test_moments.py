"""Moments of the past as people write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.model.quantity import exact_moment, parse_moment

NOW = 1_764_000_000.0
WRITTEN = {
    "15m ago": NOW - 900,
    " 2h ago ": NOW - 7200,
    "2025-11-24T16:00:00Z": NOW,
    "2025-11-24T17:00:00.5+01:00": NOW + 0.5,
    "2025-11-24 16:00 UTC": NOW,
}


@pytest.mark.parametrize(("text", "at"), WRITTEN.items())
def test_a_moment_is_read(text: str, at: float) -> None:
    assert parse_moment(text, NOW) == at


def test_without_a_zone_it_is_local_time() -> None:
    assert parse_moment("2025-11-24 16:00", NOW) == time.mktime((2025, 11, 24, 16, 0, 0, 0, 0, -1))
    assert parse_moment("2025-11-24", NOW) == time.mktime((2025, 11, 24, 0, 0, 0, 0, 0, -1))


def test_a_time_of_day_is_one_of_today() -> None:
    day = time.strftime("%Y-%m-%d", time.localtime(NOW))
    for written in ("09:30", "09:30:12", "23:59"):
        assert parse_moment(f" {written}", NOW) == parse_moment(f"{day} {written}", NOW)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15m", "ago", "15 ago", "2025-13-01", "9999-99-99 ago", "24:00", "9:30", "09:61"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_moment(text, NOW)


@given(st.floats(0, 4e9))
def test_an_exact_moment_comes_back(at: float) -> None:
    assert abs(parse_moment(exact_moment(at), NOW) - at) < 2e-6
