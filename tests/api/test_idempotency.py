"""A request with the same `Idempotency-Key` again is the same request: a lost answer can be asked for once more."""

from __future__ import annotations

import pytest
from tests.api.house import House, asked, declaration

KEY = {"Idempotency-Key": "k1"}


def test_a_repeated_deploy_is_the_same_operation_also_when_it_is_over(house: House) -> None:
    first = house.deploy(**KEY)
    assert house.deploy(**KEY) == first
    house.end_of(first)
    assert house.deploy(**KEY) == first
    assert len(house.http.get("/v1/operations").json()) == 1


def test_a_repeated_rollback_neither_turns_back_nor_goes_further(house: House) -> None:
    for version in (1, 2, 3):
        house.publish(version=version)
        house.deployed()
    path, body = "/v1/deployments/town/rollback", {"reason": "slow"}
    first = house.http.post(path, json=body, headers=KEY).json()["operation"]["id"]
    again = house.http.post(path, json=body, headers=KEY).json()
    assert again["operation"]["id"] == first
    assert house.end_of(first)["result"] == "SUCCEEDED"
    after = house.http.post(path, json=body, headers=KEY)
    assert (after.status_code, after.json()["operation"]["id"]) == (202, first)
    assert house.status()["current"]["number"] == 2


def test_a_repeated_destroy_is_the_same_operation_also_when_it_is_over(house: House) -> None:
    house.deployed()
    first = house.http.delete("/v1/deployments/town", headers=KEY).json()["id"]
    house.end_of(first)
    again = house.http.delete("/v1/deployments/town", headers=KEY)
    assert (again.status_code, again.json()["id"]) == (202, first)


def test_a_repeated_bake_is_the_same_operation(idle_house: House) -> None:
    (idle_house.home.root / "Containerfile").write_text("FROM scratch\n")
    body = {"text": "images: { web: {} }", "folder": str(idle_house.home.root), "family": "web"}
    answers = [idle_house.http.post("/v1/bakes", json=body, headers=KEY) for _ in range(2)]
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(202, "bake-1")] * 2


def test_a_key_that_belongs_to_another_request_is_a_conflict(house: House) -> None:
    operation = house.deploy(**KEY)
    answer = house.http.delete("/v1/deployments/town", headers=KEY)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"this idempotency key belongs to {operation} of town",
    )


def test_without_a_key_each_request_is_a_new_one(house: House) -> None:
    house.deploy(declaration(bake_time="1h"))
    answer = house.http.post("/v1/deployments/town/releases", json=asked(declaration()))
    assert answer.status_code == 409


@pytest.mark.parametrize("path", ["/v1/deployments/town/signals", "/v1/operations/rollout-1/signals"])
def test_a_repeated_signal_is_one_and_answers_also_when_it_means_nothing_any_more(house: House, path: str) -> None:
    operation = house.deploy(declaration().replace('"drain"', '"approval": true, "drain"'))
    house.until_state(operation, "AWAITING_APPROVAL")
    for _ in range(2):
        answer = house.http.post(path, json={"kind": "approve"}, headers=KEY)
        assert (answer.status_code, answer.json()["id"]) == (202, operation)
    house.end_of(operation)
    answer = house.http.post(path, json={"kind": "approve"}, headers=KEY)
    assert (answer.status_code, answer.json()["id"]) == (202, operation)
    facts = [entry["fact"]["verb"] for entry in house.http.get("/v1/ledger", params={"subject": "town"}).json()]
    assert facts.count("operation.approve") == 1
