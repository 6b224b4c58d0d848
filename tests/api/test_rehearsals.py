"""A rehearsal over the API: begun once, shown by the deployment's status, and refused where there is no way back."""

from __future__ import annotations

from tests.api.house import House, declaration

from stoneware.model.finding import Capacity
from stoneware.model.machine import Power

REHEARSALS = "/v1/deployments/town/rehearsals"


def test_status_says_when_the_way_back_was_proven(house: House) -> None:
    house.deployed()
    assert house.status()["way_back"]["release"] is None
    house.publish(version=2)
    house.deployed()
    assert (house.status()["way_back"]["release"], house.status()["way_back"]["at"]) == (1, None)
    begun = house.http.post(REHEARSALS, json={"reason": "monday"}, headers={"Idempotency-Key": "k"})
    assert begun.status_code == 202
    again = house.http.post(REHEARSALS, json={"reason": "monday"}, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == begun.json()["id"]
    end = house.end_of(begun.json()["id"])
    assert end["result"] == "SUCCEEDED", end
    known = house.status()["way_back"]
    assert (known["release"], known["ok"], known["operation"]) == (1, True, end["id"])
    assert known["took_s"] >= 0.1
    assert known["at"] == end["ended_at"]
    assert not [name for name in house.machines() if name.startswith("rehearsal")]


def test_it_can_be_aborted_and_nothing_else(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    house.deployed(declaration())
    house.engine.boot_seconds = 600.0
    begun = house.http.post(REHEARSALS, json={}).json()
    house.until_state(begun["id"], "STARTING")
    signals = f"/v1/operations/{begun['id']}/signals"
    paused = house.http.post(signals, json={"kind": "pause"})
    assert (paused.status_code, paused.json()["code"]) == (409, "signal-refused")
    assert house.http.post(signals, json={"kind": "abort"}).status_code == 202
    end = house.end_of(begun["id"])
    assert (end["result"], end["code"]) == ("FAILED", "aborted")


def test_one_that_has_no_room_is_refused_with_numbers(house: House) -> None:
    house.deployed()
    house.publish(version=2)
    house.deployed()
    running = [machine for machine in house.engine.everything() if machine.power is Power.RUNNING]
    house.engine.host = Capacity(memory_bytes=sum(machine.memory_bytes for machine in running) + 2**20)
    refused = house.http.post(REHEARSALS, json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "no-capacity")
    assert "release 1 of town needs " in refused.text and "is free" in refused.text


def test_without_a_way_back_there_is_nothing_to_rehearse(house: House) -> None:
    assert house.http.post(REHEARSALS, json={}).json()["code"] == "deployment-not-found"
    house.deployed()
    refused = house.http.post(REHEARSALS, json={})
    assert (refused.status_code, refused.json()["code"]) == (404, "release-not-found")
