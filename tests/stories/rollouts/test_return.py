"""A rollback when the old machines are no longer warm: those that were stopped start again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.callers import Callers
from tests.support.quay import Berth


@pytest.mark.host
def test_stopped_machines_start_again_and_nothing_is_made(berth: Callable[..., Berth]) -> None:
    it = berth("returns")
    it.deploy("1")
    first = it.machines("RUNNING")
    it.deploy("2")
    assert set(it.machines("STOPPED")) == set(first), "their warm time is over"
    with Callers(it.address) as callers:
        it.town.cli("rollback", it.name, "--yes")
        assert it.operation()["result"] == "SUCCEEDED"
    assert callers.failures == []
    assert [one.version for one in (callers.answers[0], callers.answers[-1])] == ["2", "1"]
    again = it.machines("RUNNING")
    assert {name: m["created_at"] for name, m in again.items()} == {n: m["created_at"] for n, m in first.items()}
