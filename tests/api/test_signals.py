"""What people tell a running operation: pause, resume, approve, abort; and what means nothing."""

from __future__ import annotations

import pytest
from tests.api.house import House, declaration

SIGNALS = "/v1/deployments/town/signals"


def tell(house: House, kind: str, path: str = SIGNALS, reason: str = "") -> tuple[int, str]:
    """The status, and what the problem says of it."""
    answer = house.http.post(path, json={"kind": kind, "reason": reason})
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize("path", [SIGNALS, "/v1/operations/rollout-1/signals"])
def test_a_paused_rollout_goes_on_when_told_so(house: House, path: str) -> None:
    operation = house.deploy(declaration(bake_time="1h"))
    house.until_state(operation, "SOAKING")
    assert tell(house, "pause", path, "lunch") == (202, "")
    assert house.until(operation, lambda record: record["paused"])["because"] == "paused: lunch"
    assert tell(house, "resume", path) == (202, "")
    watched = house.until(operation, lambda record: not record["paused"])
    assert (watched["state"], "watching the new machines" in watched["because"]) == ("SOAKING", True)


def test_an_aborted_rollout_goes_back(house: House) -> None:
    operation = house.deploy(declaration(bake_time="1h"))
    house.until_state(operation, "SOAKING")
    assert tell(house, "abort", reason="wrong day") == (202, "")
    end = house.end_of(operation)
    assert (end["result"], end["because"]) == ("REVERTED", "aborted by ann@host: wrong day")
    assert house.machines() == {}
    facts = [entry["fact"] for entry in house.http.get("/v1/ledger", params={"subject": "town"}).json()]
    abort = next(fact for fact in facts if fact["verb"] == "operation.abort")
    assert (abort["actor"], abort["reason"]) == ("ann@host", "wrong day")


def test_an_approval_lets_the_traffic_move(house: House) -> None:
    operation = house.deploy(declaration().replace('"drain"', '"approval": true, "drain"'))
    house.until_state(operation, "AWAITING_APPROVAL")
    assert tell(house, "approve") == (202, "")
    assert house.end_of(operation)["result"] == "SUCCEEDED"


def test_an_approval_that_nothing_waits_for_is_a_conflict(house: House) -> None:
    house.until_state(house.deploy(declaration(bake_time="1h")), "SOAKING")
    status, detail = tell(house, "approve")
    assert (status, "nothing waits for approval" in detail) == (409, True)


def test_where_nothing_is_under_way_there_is_nobody_to_tell(house: House) -> None:
    assert tell(house, "pause") == (404, "nothing is under way for town")
    house.deployed()
    assert tell(house, "pause") == (404, "nothing is under way for town")


def test_what_is_over_is_told_nothing_and_neither_is_its_successor(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    successor = house.deploy(declaration(bake_time="1h"))
    house.until_state(successor, "SOAKING")
    for kind in ("abort", "retry", "approve"):
        assert tell(house, kind, "/v1/operations/rollout-1/signals") == (409, "rollout-1 is over: SUCCEEDED")
    assert house.daemon.services.store.operations.signals(successor) == []
    assert house.http.get(f"/v1/operations/{successor}").json()["state"] == "SOAKING"
