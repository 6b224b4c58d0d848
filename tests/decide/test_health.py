"""Health, attacked with random histories: nothing is let in without proof over its whole window, up to now."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.health import is_down, is_up, judge_health, proven
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.probe import Answer

SPEC = HealthSpec.model_validate({"tcp": {"port": 80}, "interval": "1s", "timeout": "2s", "healthy_for": "10s"})
LONGEST_PAUSE_S = 5.0  # three intervals and a timeout

History = list[tuple[float, bool]]
histories = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 1.0, 1.0, 4.9, 5.1, 60.0]), st.sampled_from([True] * 9 + [False]))
)


def judged(history: History, start: float = 1000.0) -> tuple[Health, History]:
    """The health after a history of (seconds since the last answer, good), and the answers with their times."""
    health, now, answers = Health(), start, []
    for passed, good in history:
        now += passed
        health = judge_health(health, Answer(ok=good, detail="x"), now, SPEC)
        answers.append((now, good))
    return health, answers


def good(seconds: int) -> History:
    return [(1.0, True)] * (seconds + 1)


@given(histories, st.floats(0, 20))
def test_proven_means_only_good_answers_without_a_gap_over_the_whole_window(history: History, later: float) -> None:
    health, answers = judged(history)
    now = (answers[-1][0] if answers else 1000.0) + later
    if not proven(health, now, SPEC):
        return
    times = [at for at, _ in answers]
    row = [at for at, _ in answers if at >= max((at for at, ok in answers if not ok), default=0.0)]
    assert all(ok for at, ok in answers if at >= now - SPEC.healthy_for)
    assert times[-1] - row[0] >= SPEC.healthy_for
    window = [at for at in times if at >= times[-1] - SPEC.healthy_for] + [now]
    assert all(b - a <= LONGEST_PAUSE_S for a, b in itertools.pairwise(window))


@given(histories)
def test_up_and_down_exclude_each_other(history: History) -> None:
    health, _ = judged(history)
    assert not (is_up(health, SPEC) and is_down(health))


@given(histories, st.integers(10, 30))
def test_whatever_was_before_a_whole_good_window_proves(history: History, seconds: int) -> None:
    health, answers = judged([*history, *good(seconds)])
    assert proven(health, answers[-1][0], SPEC)


@pytest.mark.parametrize(
    ("history", "later", "expected"),
    [
        (good(10), 0, True),
        (good(10), 5, True),
        (good(9), 0, False),
        (good(9), 1, False),  # nobody has asked in the last second of the window
        (good(10), 5.5, False),  # nobody has asked for too long
        (good(10), -1, False),  # the clock was set back
        ([*good(10), (1.0, False)], 0, False),
        ([*good(10), (1.0, False), *good(9)], 0, False),
        ([*good(10), (1.0, False), *good(10)], 0, True),
        ([*good(10), (6.0, True)], 0, False),
        ([*good(10), (6.0, True), *good(10)], 0, True),
        ([], 0, False),
    ],
)
def test_when_a_machine_is_proven(history: History, later: float, expected: bool) -> None:
    health, answers = judged(history)
    assert proven(health, (answers[-1][0] if answers else 0) + later, SPEC) is expected


@pytest.mark.parametrize(
    ("answers", "up", "down"),
    [
        ("", False, False),
        ("+", False, False),
        ("++", True, False),
        ("-", False, True),
        ("++-", False, False),
        ("++--", False, False),
        ("++---", False, True),
        ("++--+", False, False),
        ("++--++", True, False),
        ("---+", False, False),
        ("---++", True, False),
    ],
)
def test_thresholds_of_letting_in_and_throwing_out(answers: str, up: bool, down: bool) -> None:
    health, _ = judged([(1.0, one == "+") for one in answers])
    assert (is_up(health, SPEC), is_down(health)) == (up, down)


def test_a_clock_that_was_set_back_starts_the_window_again() -> None:
    health, _ = judged(good(10))
    back = judge_health(health, Answer(ok=True, detail="x"), 500.0, SPEC)
    assert (back.since, back.streak) == (500.0, 1)
