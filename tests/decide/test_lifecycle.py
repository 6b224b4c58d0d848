"""What an image counts as: timers only ever lead on, nothing is missed, and a revocation outdoes everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.images import DAY, NOW, PUBLISHED, image, images, moments, timers

from stoneware.decide.lifecycle import LEADS_TO, RANKS, effective_state, newest_active, overruled, standing, time_of
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Timer

ACTIVE, DEPRECATED, OBSOLETE = PUBLISHED


@given(images(), moments, moments)
def test_time_only_leads_on(one: Image, a: float, b: float) -> None:
    early, late = sorted((a, b))
    assert RANKS[effective_state(one, early)] <= RANKS[effective_state(one, late)]


@given(images(), st.sampled_from(list(Timer)), moments, moments)
def test_another_timer_never_leads_back(one: Image, timer: Timer, at: float, now: float) -> None:
    before = one.model_copy(update={timer.field: None})
    after = one.model_copy(update={timer.field: at})
    assert RANKS[effective_state(before, now)] <= RANKS[effective_state(after, now)]


@given(images(), moments)
def test_it_is_the_furthest_of_all_that_holds(one: Image, now: float) -> None:
    come = [LEADS_TO[timer] for timer in Timer if (at := time_of(one, timer)) is not None and at <= now]
    held = [one.state, *come, *([OBSOLETE] if one.revoked_at is not None else [])]
    found = standing(one, now)
    assert RANKS[found.state] == max(RANKS[state] for state in held)
    assert (found.state is one.state) or found.source != "stored"


@pytest.mark.parametrize("state", [ImageState.STAGED, ImageState.DELETED])
@given(timers)
def test_what_is_not_published_has_no_timers(state: ImageState, given_timers: dict[str, Any]) -> None:
    assert effective_state(image(state=state, **given_timers), NOW) is state


@pytest.mark.parametrize(
    ("more", "state", "source", "reason"),
    [
        ({}, ACTIVE, "stored", ""),
        ({"state": DEPRECATED, "state_reason": "slow"}, DEPRECATED, "stored", "slow"),
        ({"deprecate_at": NOW + 1}, ACTIVE, "stored", ""),
        ({"deprecate_at": NOW}, DEPRECATED, "timer", "its time to be deprecated came at 2023-11-14 22:13 UTC"),
        ({"deprecate_at": NOW - 9, "obsolete_at": NOW - DAY}, OBSOLETE, "timer", "its time to be obsolete came at"),
        ({"delete_at": NOW - 1}, OBSOLETE, "timer", "its time to be deleted came at"),
        ({"delete_at": NOW - 1, "state": OBSOLETE, "state_reason": "old"}, OBSOLETE, "stored", "old"),
        ({"deprecate_at": NOW - 1, "state": DEPRECATED, "state_reason": "slow"}, DEPRECATED, "stored", "slow"),
        ({"revoked_at": NOW, "revoked_reason": "CVE"}, OBSOLETE, "revocation", "revoked: CVE"),
        ({"revoked_at": NOW, "revoked_reason": "CVE", "state": OBSOLETE}, OBSOLETE, "revocation", "revoked: CVE"),
    ],
)
def test_what_makes_it_so_is_said(more: dict[str, Any], state: ImageState, source: str, reason: str) -> None:
    found = standing(image(**more), NOW)
    assert (found.state, found.source) == (state, source)
    assert found.reason.startswith(reason)


@given(images(), st.sampled_from(PUBLISHED), moments)
def test_a_decision_holds_once_the_timers_that_it_overrules_are_gone(one: Image, state: ImageState, now: float) -> None:
    plain = one.model_copy(update={"revoked_at": None, "state": state})
    over = overruled(plain, state, now)
    decided = plain.model_copy(update={timer.field: None for timer in over})
    assert effective_state(decided, now) is state
    kept = [timer for timer in Timer if timer not in over]
    assert all(time_of(decided, timer) == time_of(one, timer) for timer in kept)


def test_making_obsolete_what_is_to_be_deleted_does_not_save_it() -> None:
    due = image(delete_at=NOW - 1, deprecate_at=NOW - 2)
    assert overruled(due, OBSOLETE, NOW) == []
    assert overruled(due, DEPRECATED, NOW) == [Timer.DELETE]
    assert overruled(due, ACTIVE, NOW) == [Timer.DEPRECATE, Timer.DELETE]


@given(st.integers(1, 5).flatmap(lambda n: st.tuples(*(images(number) for number in range(1, n + 1)))), moments)
def test_a_family_resolves_to_the_highest_that_counts_as_active(family: tuple[Image, ...], now: float) -> None:
    numbers = [one.number for one in family if effective_state(one, now) is ACTIVE]
    newest = newest_active(family, now)
    assert (newest.number if newest else None) == max(numbers, default=None)
