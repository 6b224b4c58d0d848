"""What figures say: each kind of check by its table, and the rule for all together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.analysis import (
    Sides,
    judge_command,
    judge_errors,
    judge_latency,
    judge_probes,
    judge_value,
    together,
)
from stoneware.model.measure import BOUNDS_MS, Counters
from stoneware.model.strategy import ErrorsCheck, Judgement, LatencyCheck, PrometheusCheck, Verdict

P, F, I = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE  # noqa: E741


def counted(answers: int, failed: int = 0, ms: int = 4) -> Counters:
    """So many answers, all as slow as that."""
    within = tuple(answers if ms <= bound else 0 for bound in BOUNDS_MS)
    return Counters(answers=answers, failed=failed, timed=answers, within=within)


@pytest.mark.parametrize(
    ("check", "new", "old", "verdict"),
    [
        ({"most": 1.0}, (100, 1), (0, 0), P),
        ({"most": 1.0}, (100, 2), (0, 0), F),
        ({"most": 1.0}, (99, 0), (0, 0), I),
        ({"most": 1.0}, (10, 1), (0, 0), I),
        ({"most": 1.0}, (99, 2), (0, 0), I),
        ({"most": 0.0}, (1, 1), (0, 0), I),
        ({"most": 1.0}, (9, 9), (0, 0), I),
        ({"most": 1.0}, (10, 10), (0, 0), F),
        ({"most": 1.0}, (19, 10), (0, 0), F),
        ({"most": 1.0}, (20, 10), (0, 0), I),
        ({"most": 60.0}, (19, 10), (0, 0), I),
        ({"most": 1.0, "more": 1.0}, (100, 2), (1, 0), F),
        ({"more": 1.0}, (10, 10), (0, 0), F),
        ({"more": 1.0}, (10, 10), (10, 10), I),
        ({"most": 100.0}, (100, 100), (0, 0), P),
        ({"more": 1.0}, (100, 3), (100, 2), P),
        ({"more": 1.0}, (100, 5), (100, 2), F),
        ({"more": 1.0}, (100, 5), (99, 2), I),
        ({"more": 1.0}, (99, 5), (100, 2), I),
        ({"more": 0.0}, (100, 0), (100, 50), P),
        ({"most": 50.0, "more": 1.0}, (100, 10), (100, 0), F),
    ],
)
def test_errors(check: dict[str, float], new: tuple[int, int], old: tuple[int, int], verdict: Verdict) -> None:
    sides = Sides(counted(*new), counted(*old))
    assert judge_errors(ErrorsCheck.model_validate(check), sides, 100).verdict is verdict


@pytest.mark.parametrize(
    ("check", "new", "old", "verdict"),
    [
        ({"most": "5ms"}, (100, 4), (0, 4), P),
        ({"most": "5ms"}, (100, 40), (0, 4), F),
        ({"most": "5ms"}, (99, 40), (0, 4), I),
        ({"most": "1h"}, (100, 20_000), (0, 4), F),
        ({"times": 1.5}, (100, 4), (100, 4), P),
        ({"times": 1.5}, (100, 40), (100, 4), F),
        ({"times": 1.5}, (100, 4), (99, 4), I),
        ({"times": 1.5}, (100, 4), (100, 20_000), P),
    ],
)
def test_latency(check: dict[str, object], new: tuple[int, int], old: tuple[int, int], verdict: Verdict) -> None:
    sides = Sides(counted(new[0], ms=new[1]), counted(old[0], ms=old[1]))
    assert judge_latency(LatencyCheck.model_validate(check), sides, 100).verdict is verdict


@pytest.mark.parametrize(
    ("asked", "failed", "most", "verdict"),
    [
        (0, 0, 0, I),
        (10, 0, 0, P),
        (1, 1, 0, F),  # none at all may be bad
        (1, 0, 5, P),
        (1, 1, 5, I),  # one bad answer isn't 5 % of those that there will be
        (10, 1, 10, P),
        (10, 2, 10, I),
        (10, 6, 10, F),  # 44 good ones would not outweigh them any more
        (12, 10, 60, F),  # plainly broken
        (50, 3, 5, F),
        (60, 3, 5, P),
        (60, 4, 5, F),
    ],
)
def test_probes(asked: int, failed: int, most: float, verdict: Verdict) -> None:
    assert judge_probes(asked, failed, most, 50, "HTTP 500").verdict is verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(None, I), (float("nan"), I), (1.0, P), (2.0, P), (0.9, F), (2.1, F), (float("inf"), F)]
)
def test_values_from_elsewhere(value: float | None, verdict: Verdict) -> None:
    check = PrometheusCheck(url="http://127.0.0.1:9090", query="up", least=1.0, most=2.0)
    assert judge_value(check, value).verdict is verdict


@pytest.mark.parametrize(("status", "verdict"), [(0, P), (1, F), (2, I), (126, I), (None, I)])
def test_commands(status: int | None, verdict: Verdict) -> None:
    found = judge_command(status, "a line\nthe last word\n")
    assert found.verdict is verdict
    assert "the last word" in found.detail


def test_one_failure_fails_and_one_doubt_is_a_doubt() -> None:
    good, bad, unsure = (Judgement(verdict=verdict, detail=verdict.value) for verdict in (P, F, I))
    assert together([good, unsure, bad, good]) == bad
    assert together([good, unsure, good]) == unsure
    assert together([good, good]).verdict is P


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 100))
def test_with_few_answers_only_a_version_that_is_plainly_broken_fails(good: int, failed: int, most: float) -> None:
    answers = good + failed
    said = judge_errors(ErrorsCheck(most=most), Sides(counted(answers, failed), counted(0)), answers + 1)
    assert said.verdict is (F if failed >= 10 and failed > good and 100 * failed > most * answers else I)
