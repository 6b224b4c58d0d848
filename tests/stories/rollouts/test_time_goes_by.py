"""What comes with time, and has had it while the other stories of this folder were played: machines that become too old, and
stopped ones that are kept no longer."""

from __future__ import annotations

import pytest
from tests.support.callers import Callers
from tests.support.quay import Berth
from tests.support.town import await_true

PRUNED_WITHIN_S = 90.0
RENEWED_WITHIN_S = 120.0


@pytest.mark.host
def test_a_release_whose_machines_are_deleted_comes_back_from_its_retained_image(leavers: Berth) -> None:
    await_true(lambda: not leavers.machines("STOPPED"), PRUNED_WITHIN_S)
    known = leavers.machines()
    with Callers(leavers.address) as callers:
        leavers.town.cli("rollback", leavers.name, "--yes")
        assert leavers.operation()["result"] == "SUCCEEDED"
    assert callers.failures == []
    assert [one.version for one in (callers.answers[0], callers.answers[-1])] == ["2", "1"]
    made = leavers.machines("RUNNING")
    assert set(made) == {f"leavers-web-r1-{i}" for i in range(2)}
    assert {machine["digest"] for machine in made.values()} == {machine["digest"] for machine in known.values()}


@pytest.mark.host
def test_machines_that_are_too_old_are_made_anew_by_turns(elders: tuple[Berth, Callers]) -> None:
    it, callers = elders
    await_true(lambda: it.status()["last"]["actor"] == "stoneware", RENEWED_WITHIN_S)
    renewal = it.status()["last"]  # on a slow host the next one may be under way
    assert (renewal["result"], renewal["reason"]) == ("SUCCEEDED", "web is older than 1m")
    assert callers.failures == []
    assert {one.machine.rpartition("-")[0] for one in callers.answers} >= {"elders-web-r1", "elders-web-r2"}
    assert {one.version for one in callers.answers} == {"1"}
    assert not {name for name in it.machines("RUNNING") if "-r1-" in name}
