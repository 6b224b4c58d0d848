"""Looks into images and environments over HTTP: what can't be proven is said, and differences are what they are."""

from __future__ import annotations

from tests.api.house import House, asked, declaration


def test_an_image_whose_files_are_gone_is_not_proven(house: House) -> None:
    answer = house.http.post("/v1/images/web/1/verify")
    assert answer.status_code == 409
    assert "layer-0.img is missing" in answer.json()["detail"]
    assert house.http.post("/v1/images/web/9/verify").status_code == 404


def test_releases_of_one_deployment_are_compared_by_number(house: House) -> None:
    house.deployed()
    changed = asked(declaration(size=3))
    started = house.http.post("/v1/deployments/town/releases", json=changed).json()
    house.end_of(started["operation"]["id"])
    found = house.http.get("/v1/deployment-diff", params={"before": "town#1", "after": "town"}).json()
    assert (found["before"], found["after"], found["settings"]) == ("town#1", "town#2", [])
    [group] = found["groups"]
    assert (group["group"], group["why"], group["image"]) == ("web", ["size 2 -> 3"], None)


def test_what_is_no_release_is_said(house: House) -> None:
    for named, status in (("nowhere", 404), ("town#x", 400), ("town#7", 404)):
        answer = house.http.get("/v1/deployment-diff", params={"before": named, "after": named})
        assert answer.status_code == status, (named, answer.text)
