"""Images over HTTP: how they are shown, changed only as they were seen, and deleted only when nothing needs them."""

from __future__ import annotations

import httpx
import pytest
from tests.api.house import House

WEB = "/v1/images/web/1"


def tag(house: House) -> dict[str, str]:
    """The condition that `web/1` is still as it is now."""
    return {"If-Match": house.http.get(WEB).headers["ETag"]}


def change(house: House, verb: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return house.http.post(f"{WEB}/{verb}", json={"reason": "slow"}, headers=headers)


def test_an_image_shows_all_that_is_known_of_it(house: House) -> None:
    house.deployed()
    detail = house.http.get(WEB).json()
    assert (detail["image"]["state"], detail["manifest"]["family"]) == ("ACTIVE", "web")
    assert detail["boot_test"]["results"] == ["it answers"]
    assert detail["used_by"] == ["machine town-web-r1-0", "machine town-web-r1-1", "release town#1"]
    digest = detail["image"]["digest"]
    for ref in (digest, digest.removeprefix("sha256:")[:12], f"web@{digest[7:19]}"):
        assert house.http.get(f"/v1/images/{ref}").json() == detail


def test_the_verbs_move_an_image_and_its_family_follows(house: House) -> None:
    house.publish(version=2)
    seen = []
    for verb in ("deprecate", "obsolete", "restore"):
        changed = house.http.post(f"/v1/images/web/2/{verb}", json={"reason": verb}).json()
        family = house.http.get("/v1/families/web").json()
        seen.append((changed["state"], changed["state_reason"], family["resolves_to"]["number"]))
    assert seen == [("DEPRECATED", "deprecate", 1), ("OBSOLETE", "obsolete", 1), ("ACTIVE", "restore", 2)]


def test_families_and_lists_show_what_there_is(house: House) -> None:
    house.publish("db", 1)
    house.http.delete("/v1/images/db/1")
    assert [family["name"] for family in house.http.get("/v1/families").json()] == ["web"]
    names = [
        [(image["family"], image["number"]) for image in house.http.get("/v1/images", params=params).json()]
        for params in ({}, {"deleted": True}, {"family": "db", "deleted": True}, {"family": "db"})
    ]
    assert names == [[("web", 1)], [("db", 1), ("web", 1)], [("db", 1)], []]


def test_an_image_is_changed_when_it_still_is_what_was_seen(house: House) -> None:
    assert change(house, "deprecate", tag(house)).status_code == 200
    assert house.http.delete(WEB, headers=tag(house)).status_code == 204


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_image_that_was_changed_meanwhile_stays_as_it_is(house: House, method: str) -> None:
    seen = tag(house)
    change(house, "deprecate")
    now = house.http.get(WEB)
    url, body = (f"{WEB}/restore", {}) if method == "POST" else (WEB, None)
    answer = house.http.request(method, url, json=body, headers=seen)
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")
    assert house.http.get(WEB).json() == now.json()
    assert house.http.get(WEB).headers["ETag"] == now.headers["ETag"]


@pytest.mark.parametrize(("condition", "status"), [("*", 200), ('"x", {etag}', 200), ('"x"', 412), ("W/{etag}", 412)])
def test_conditions_are_read_as_http_says(house: House, condition: str, status: int) -> None:
    etag = tag(house)["If-Match"]
    assert change(house, "deprecate", {"If-Match": condition.format(etag=etag)}).status_code == status


def test_a_new_user_makes_it_another_image_to_look_at(house: House) -> None:
    seen = tag(house)
    house.deployed()
    assert house.http.delete(WEB, headers=seen).status_code == 412


def test_an_image_in_use_is_not_deleted(house: House) -> None:
    house.deployed()
    answer = house.http.delete(WEB)
    assert (answer.status_code, answer.json()["detail"]) == (409, "web/1 is kept by town#1")


def test_deleting_twice_is_deleting(house: House) -> None:
    assert [house.http.delete(WEB).status_code for _ in range(2)] == [204, 204]
    assert house.http.get(WEB).json()["image"]["state"] == "DELETED"
    assert change(house, "restore").status_code == 409


def test_a_misspelt_family_is_told_from_an_empty_one(house: House) -> None:
    answer = house.http.get("/v1/images", params={"family": "wbe"})
    assert (answer.status_code, answer.json()["next_step"]) == (404, "there are: web")
    house.http.delete(WEB)
    assert house.http.get("/v1/images", params={"family": "web"}).json() == []
