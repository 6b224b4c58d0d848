"""Freeze windows: what walls' clocks mean, across midnight and across the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.freeze import Frozen, frozen
from stoneware.model.promotion_spec import DAYS, FreezeSpec

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")


def at(text: str) -> float:
    """A moment of UTC, such as `2026-12-20 09:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def window(**given: object) -> FreezeSpec:
    return FreezeSpec.model_validate(given)


def until(found: Frozen | None) -> str:
    """The end as UTC; empty when nothing is frozen."""
    if found is None:
        return ""
    return datetime.fromtimestamp(found.until, UTC).strftime("%Y-%m-%d %H:%M") if found.until else "never"


HOLIDAYS = window(since="2026-12-20", until="2027-01-04", reason="holidays")
FRIDAY = window(days=["fri"], since="16:00")
WEEKEND = window(days=["sat", "sun"])
NIGHT = window(days=["mon", "wed"], since="22:00", until="06:00")


@pytest.mark.parametrize(
    ("windows", "now", "end"),
    [
        ((), "2026-12-24 12:00", ""),
        ((HOLIDAYS,), "2026-12-19 23:59", ""),
        ((HOLIDAYS,), "2026-12-20 00:00", "2027-01-05 00:00"),
        ((HOLIDAYS,), "2027-01-04 23:59", "2027-01-05 00:00"),
        ((HOLIDAYS,), "2027-01-05 00:00", ""),
        ((window(since="2026-12-20T16:00", until="2026-12-20T18:00"),), "2026-12-20 17:59", "2026-12-20 18:00"),
        ((window(since="2026-12-20", until="2026-12-20", zone="Asia/Tokyo"),), "2026-12-19 15:00", "2026-12-20 15:00"),
        ((FRIDAY,), "2026-11-27 15:59", ""),
        ((FRIDAY,), "2026-11-27 16:00", "2026-11-28 00:00"),
        ((FRIDAY, WEEKEND), "2026-11-27 16:00", "2026-11-30 00:00"),
        ((WEEKEND,), "2026-11-30 00:00", ""),
        ((NIGHT,), "2026-11-30 22:00", "2026-12-01 06:00"),
        ((NIGHT,), "2026-12-01 05:59", "2026-12-01 06:00"),
        ((NIGHT,), "2026-12-01 22:00", ""),
        ((window(days=[*DAYS]),), "2026-12-01 22:00", "never"),
    ],
)
def test_when_it_is_frozen_and_until_when(windows: tuple[FreezeSpec, ...], now: str, end: str) -> None:
    assert until(frozen(windows, at(now))) == end


@pytest.mark.parametrize(
    ("since", "until_", "zone", "begins", "ends"),
    [
        # in spring the clocks of Berlin show no 02:30: the window is rather longer than shorter
        ("2026-03-29T02:30", "2026-03-29T12:00", "Europe/Berlin", "2026-03-29 00:30", "2026-03-29 10:00"),
        ("2026-03-29T00:00", "2026-03-29T02:30", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 01:30"),
        # in autumn they show 02:30 twice
        ("2026-10-25T02:30", "2026-10-25T12:00", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 11:00"),
        ("2026-10-25T00:00", "2026-10-25T02:30", "Europe/Berlin", "2026-10-24 22:00", "2026-10-25 01:30"),
        # a day of 23 hours, and one of 25
        ("2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24 22:00", "2026-10-25 23:00"),
        # a day that Samoa never had
        ("2011-12-30", "2011-12-30", "Pacific/Apia", "2011-12-29 10:00", "2011-12-30 10:00"),
    ],
)
def test_the_days_on_which_clocks_change(since: str, until_: str, zone: str, begins: str, ends: str) -> None:
    one = (window(since=since, until=until_, zone=zone),)
    assert frozen(one, at(begins) - 1) is None
    assert until(frozen(one, at(begins))) == ends
    assert until(frozen(one, at(ends) - 1)) == ends
    assert frozen(one, at(ends)) is None


def test_a_weekly_window_keeps_the_clock_of_its_zone_through_the_year() -> None:
    friday = (window(days=["fri"], since="16:00", zone="Europe/Berlin"),)
    for day in ("2026-03-27", "2026-04-03", "2026-10-23", "2026-10-30"):
        begins = datetime.fromisoformat(f"{day}T16:00").replace(tzinfo=BERLIN).timestamp()
        assert frozen(friday, begins - 1) is None
        assert frozen(friday, begins) is not None


def test_the_reason_is_that_of_the_window_that_ends_last() -> None:
    found = frozen((window(days=["thu"], reason="thursdays"), HOLIDAYS), at("2026-12-24 12:00"))
    assert found is not None
    assert found.reason == "holidays"


moments = st.floats(at("2011-12-01 00:00"), at("2030-01-01 00:00"))
minutes = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=6, unique=True)


@st.composite
def weekly(draw: st.DrawFn) -> FreezeSpec:
    since, ends = draw(minutes), draw(st.one_of(minutes, st.just("24:00")))
    if since == ends:
        ends = "24:00"
    return window(days=draw(days), since=since, until=ends, zone=draw(st.sampled_from(ZONES)))


@st.composite
def once(draw: st.DrawFn) -> FreezeSpec:
    begin = draw(st.datetimes(datetime(2012, 1, 1), datetime(2029, 1, 1)))
    end = begin + timedelta(minutes=draw(st.integers(120, 100_000)))
    shown = {"since": begin.strftime("%Y-%m-%dT%H:%M"), "until": end.strftime("%Y-%m-%dT%H:%M")}
    return window(**shown, zone=draw(st.sampled_from(ZONES)))


@given(windows=st.lists(st.one_of(weekly(), once()), max_size=4), now=moments)
def test_the_end_is_later_than_now_and_nothing_is_frozen_then(windows: list[FreezeSpec], now: float) -> None:
    found = frozen(windows, now)
    if found is not None and found.until is not None:
        assert found.until > now
        assert frozen(windows, found.until) is None
        halfway = frozen(windows, (now + found.until) / 2)
        assert halfway is not None
        assert halfway.until == found.until


@given(windows=st.lists(st.one_of(weekly(), once()), max_size=3), more=weekly(), now=moments)
def test_another_window_never_opens_what_is_frozen(windows: list[FreezeSpec], more: FreezeSpec, now: float) -> None:
    fewer, whole = frozen(windows, now), frozen([*windows, more], now)
    if fewer is not None:
        assert whole is not None
        assert whole.until is None or (fewer.until is not None and whole.until >= fewer.until)


@given(one=weekly(), now=moments)
def test_a_week_of_one_window_is_what_the_clock_on_the_wall_says(one: FreezeSpec, now: float) -> None:
    """Away from the days on which clocks change, read as a person would."""
    zone = ZoneInfo(one.zone)
    local = datetime.fromtimestamp(now, zone)
    week = [datetime.fromtimestamp(now + hours * 3600, zone).utcoffset() for hours in range(-72, 73, 6)]
    if len(set(week)) > 1:
        return
    clock, yesterday = local.strftime("%H:%M"), DAYS[(local.weekday() - 1) % 7]
    since, ends = str(one.since), str(one.until)
    days_ = one.days or ()
    if since < ends:
        expected = DAYS[local.weekday()] in days_ and since <= clock < ends
    else:
        expected = (DAYS[local.weekday()] in days_ and clock >= since) or (yesterday in days_ and clock < ends)
    assert (frozen([one], now) is not None) == expected
