"""What names in build files stand for."""

from __future__ import annotations

import pytest
from tests.api.house import House

GIT = "gcr.io/cloud-builders/git"


def test_a_name_stands_for_an_image_until_it_stands_for_itself_again(idle_house: House) -> None:
    http = idle_house.http
    assert http.post("/v1/builders/map", json={"name": GIT, "image": "localhost/git:2"}).status_code == 200
    assert http.get("/v1/builders").json() == [{"name": GIT, "image": "localhost/git:2"}]
    assert http.post("/v1/builders/unmap", json={"name": GIT}).status_code == 204
    assert http.get("/v1/builders").json() == []
    gone = http.post("/v1/builders/unmap", json={"name": GIT})
    assert (gone.status_code, gone.json()["detail"]) == (404, f"no builder is mapped as {GIT}")


@pytest.mark.parametrize("image", ["docker-archive:/etc/passwd", "oci:latest", "dir:/tmp", "containers-storage:a"])
def test_a_way_to_fetch_an_image_is_no_image(idle_house: House, image: str) -> None:
    answer = idle_house.http.post("/v1/builders/map", json={"name": GIT, "image": image})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-input")
    assert idle_house.http.get("/v1/builders").json() == []
