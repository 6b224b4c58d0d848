"""A canary: shares as declared, people who stay on their version, a bad one that goes back by itself, and what a person may say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.callers import Caller, Callers
from tests.support.quay import Berth
from tests.support.town import await_true

ANALYSIS = {"checks": [{"errors": {"most": 5}}], "samples": 30, "extend": "20s"}


def canary(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"strategy": "canary", "steps": list(steps), "analysis": ANALYSIS}


def about(share: float, of: int) -> tuple[float, float]:
    """Between how many of so many independent draws the number of hits is, but for one time in 10^5 (4.4 sigma)."""
    middle, width = share * of, 4.4 * math.sqrt(of * share * (1 - share))
    return middle - width, middle + width


def await_share(it: Berth, percent: int) -> None:
    """Waits until the proxy itself says that a version has this share: a state is on record before it is carried out."""
    await_true(lambda: percent in it.status()["routes"][0]["shares"].values(), 10)


@pytest.mark.host
def test_shares_are_as_declared_and_whoever_has_met_a_version_stays_there(berth: Callable[..., Berth]) -> None:
    steps = ({"share": 20, "duration": "6s", "approval": True}, {"share": 60, "duration": "1h"})
    it = berth("shares", service={"max_session": "1s"})
    it.deploy("1")
    it.rollout = canary(*steps)
    with Callers(it.address, threads=6, rate=20.0) as callers:
        it.begin("2")
        it.reach("CANARY")
        await_share(it, 20)
        people = [Caller(it.address, keeps=True) for _ in range(40)]
        met = [person.ask()[1] for person in people]
        assert set(met) == {"1", "2"}
        began = time.monotonic()
        it.reach("AWAITING_APPROVAL")
        assert "goes on" in it.signal("approve")
        first = callers.between(began, time.monotonic() - 0.5)
        it.reach("CANARY")
        await_share(it, 60)
        assert "60" in it.operation()["because"]
        began = time.monotonic()
        time.sleep(4)
        assert [person.ask()[1] for person in people] == met
        second = callers.between(began, time.monotonic())
        said = it.signal("approve", ok=(1,))
        assert "nothing waits for approval: the rollout is CANARY" in said
        it.signal("promote")
        assert it.ended()["result"] == "SUCCEEDED"
    for answers, share in ((first, 0.2), (second, 0.6)):
        few, many = about(share, len(answers))
        assert few < sum(one.version == "2" for one in answers) < many, f"{share} of {len(answers)}"
        assert len(answers) > 200
    assert callers.failures == []
    await_true(lambda: {person.ask()[1] for person in people} == {"2"}, 5)


@pytest.mark.host
def test_a_canary_whose_answers_fail_goes_back_by_itself(berth: Callable[..., Berth]) -> None:
    it = berth("bad-canary")
    it.deploy("1")
    it.rollout = canary({"share": 30, "duration": "1h"})
    before = it.machines("RUNNING")
    with Callers(it.address, threads=6, rate=20.0) as callers:
        said = it.deploy("2", ok=(1,), ERRORS="50")
        ended = it.operation()
        assert ended["result"] == "REVERTED", said
        assert "the analysis failed" in ended["because"]
        after = time.monotonic()
        time.sleep(1)
    assert set(callers.failures) == {"500"}, "the canary's own answers, and nothing else"
    assert len(callers.failures) < 0.3 * len(callers.answers)
    assert {one.version for one in callers.between(after, time.monotonic())} == {"1"}
    assert it.machines("RUNNING") == before
