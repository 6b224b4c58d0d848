"""The old machines stop before the new ones start, and requests wait instead of failing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.callers import Callers
from tests.support.quay import Berth


@pytest.mark.host
def test_requests_wait_while_there_is_no_machine_at_all(berth: Callable[..., Berth]) -> None:
    it = berth("anew", rollout={"strategy": "recreate", "hold_limit": "60s"})
    it.deploy("1", SLOW_S="1")
    with Callers(it.address) as callers:
        it.deploy("2", SLOW_S="1")
        assert it.operation()["result"] == "SUCCEEDED"
    assert callers.failures == []
    gave_up = max(one.asked_at for one in callers.answers if one.version == "1")
    waited = [one for one in callers.answers if one.at - one.asked_at > 1]
    assert waited, "nobody had to wait: they were not recreated"
    assert {one.version for one in waited} == {"2"}
    first_new = min(one.at for one in callers.answers if one.version == "2")
    assert all(one.at < first_new for one in callers.answers if one.version == "1"), "never both"
    assert first_new - gave_up < 30
    stories = [line["text"] for line in it.journal()]
    assert any("requests were held" in text for text in stories), stories
