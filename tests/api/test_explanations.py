"""Explanations over the API: of each kind of thing, of all, and of nothing."""

from __future__ import annotations

import pytest
from tests.api.house import House, declaration


@pytest.mark.parametrize(
    ("name", "subject"),
    [("town", "deployment"), ("town-web-r1-0", "machine"), ("web/1", "image"), ("operation:rollout-1", "operation")],
)
def test_each_kind_of_thing_is_explained(house: House, name: str, subject: str) -> None:
    house.deployed()
    told = house.http.get(f"/v1/explanations/{name}").json()
    assert (told["subject"], told["name"], told["well"]) == (subject, name.partition(":")[2] or name, True)
    assert told["next_step"]
    assert told["awaited"] is None


def test_an_image_is_found_by_the_beginning_of_its_digest(house: House) -> None:
    digest = house.publish("db", 7)
    assert house.http.get(f"/v1/explanations/{digest[:25]}").json()["name"] == "db/1"


def test_what_is_under_way_has_a_deadline_and_what_happens_then(house: House) -> None:
    operation = house.deploy(declaration(bake_time="1h"))
    house.until_state(operation, "SOAKING")
    told = house.http.get("/v1/explanations/town").json()
    assert told["awaited"]["deadline_at"] > told["at"] + 3000
    assert told["awaited"]["then"] == "it is given up, and what it has made is taken away"
    assert told["facts"][-1]["what"] == "machines"


def test_all_is_every_deployment(house: House) -> None:
    house.deployed()
    assert [one["name"] for one in house.http.get("/v1/explanations").json()] == ["town"]


def test_a_name_of_nothing_is_not_found(house: House) -> None:
    house.deployed()
    answer = house.http.get("/v1/explanations/town-web-r9-0")
    assert answer.status_code == 404
    assert "town-web-r1-0" in answer.json()["next_step"]
