"""A rolling update: machines take turns, and never fewer serve than was declared."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.support.callers import Callers
from tests.support.quay import Berth


@pytest.mark.host
def test_both_versions_answer_for_a_while_and_enough_machines_serve_at_every_moment(
    berth: Callable[..., Berth],
) -> None:
    it = berth("rolling", size=3, rollout={"strategy": "rolling", "surge": 1, "unavailable": 1})
    it.deploy("1")
    seen: list[tuple[int, int]] = []
    with Callers(it.address) as callers:
        it.begin("2")
        began = time.monotonic()
        while (known := it.status())["operation"] is not None:
            [route] = known["routes"]
            [members] = [pool["members"] for slot, pool in route["pools"].items() if slot == route["active"]]
            serving = [m for m in members if m["state"] == "UP" and not m["draining"]]
            seen.append((len(serving), sum(m["power"] == "RUNNING" for m in known["machines"])))
        assert it.operation()["result"] == "SUCCEEDED"
        ended = time.monotonic()
        time.sleep(1)
    assert len(seen) > 2  # a busy host looks rarely
    assert min(serving for serving, _ in seen) >= 2
    assert max(running for _, running in seen) <= 4
    mixed = callers.between(began, ended)
    assert {one.version for one in mixed} == {"1", "2"}
    shorter = [one for one in mixed if one.version == "2"]
    assert [one for one in mixed if one.version == "1" and one.asked_at > shorter[0].at], "both at one time"
    after = callers.between(ended, time.monotonic())
    assert {(one.version, one.machine) for one in after} == {("2", f"rolling-web-r2-{i}") for i in range(3)}
    assert set(it.machines("RUNNING")) == {f"rolling-web-r2-{i}" for i in range(3)}
    assert callers.failures == []
