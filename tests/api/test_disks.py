"""Disks and snapshots through the API: what is begun, what is refused, and what the ledger has of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.house import House, declaration

from stoneware.errors import Refused

DISK = "town-web-data-0"


def ended(house: House, path: str, **body: Any) -> dict[str, Any]:
    """Begins an operation and waits for its end."""
    answer = house.http.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return house.end_of(answer.json()["id"])


def deployed(house: House) -> None:
    house.deployed(declaration(size=1, disk=True))
    house.engine.write(DISK, "fox")


def facts(house: House, subject: str) -> list[str]:
    entries = house.http.get("/v1/ledger", params={"limit": 1000, "subject": subject}).json()
    return [entry["fact"]["verb"] for entry in entries]


def test_a_snapshot_is_taken_listed_and_deleted_by_name(house: House) -> None:
    deployed(house)
    end = ended(house, f"/v1/disks/{DISK}/snapshots", name="before", reason="a test")
    assert (end["result"], end["because"]) == ("SUCCEEDED", f"disk {DISK} is kept as before")
    (one,) = house.http.get("/v1/snapshots").json()
    assert (one["name"], one["disk"], one["owner"], one["why"], one["release"]) == (
        "before",
        DISK,
        "town",
        "a test",
        None,
    )
    for query, names in (({"owner": "town"}, ["before"]), ({"owner": "x"}, []), ({"disk": DISK}, ["before"])):
        assert [s["name"] for s in house.http.get("/v1/snapshots", params=query).json()] == names
    again = house.http.post(f"/v1/disks/{DISK}/snapshots", json={"name": "before"})
    assert again.status_code == 409
    assert house.http.delete("/v1/snapshots/before", params={"reason": "tidy"}).status_code == 204
    assert house.http.delete("/v1/snapshots/before").status_code == 404
    assert facts(house, "before") == ["snapshot.delete"]
    assert "disk.snapshot" in facts(house, DISK)


def test_a_restore_stops_the_application_and_keeps_what_was_there(house: House) -> None:
    deployed(house)
    ended(house, f"/v1/disks/{DISK}/snapshots", name="before")
    house.engine.write(DISK, "owl")
    end = ended(house, f"/v1/disks/{DISK}/restores", snapshot="before", reason="the import was wrong")
    assert end["result"] == "SUCCEEDED", end["because"]
    assert house.engine.content(DISK) == ("town-web-r1-0", "fox", "town-web-r1-0")
    assert house.http.get("/v1/machines/town-web-r1-0").json()["phase"] == "SERVING"
    kept = f"{DISK}-{end['id']}"
    assert kept in [one["name"] for one in house.http.get("/v1/snapshots").json()]
    back = ended(house, f"/v1/disks/{DISK}/restores", snapshot=kept, keep=False)
    assert back["result"] == "SUCCEEDED"
    assert house.engine.content(DISK) == ("town-web-r1-0", "fox", "owl", "town-web-r1-0")


def test_a_snapshot_of_another_disk_is_put_back_only_where_that_is_meant(house: House) -> None:
    deployed(house)
    ended(house, f"/v1/disks/{DISK}/snapshots", name="before")
    ended(house, "/v1/clones", source="before", name="twin")
    refused = house.http.post("/v1/disks/twin/restores", json={"snapshot": "before"})
    assert (refused.status_code, refused.json()["detail"]) == (409, f"snapshot before is of disk {DISK}, not of twin")
    end = ended(house, "/v1/disks/twin/restores", snapshot="before", other_disk=True)
    assert end["result"] == "SUCCEEDED"


def test_a_restore_that_fails_gives_the_disk_back_as_it_was(house: House) -> None:
    deployed(house)
    ended(house, f"/v1/disks/{DISK}/snapshots", name="before")
    house.engine.damage("before")
    end = ended(house, f"/v1/disks/{DISK}/restores", snapshot="before")
    assert (end["result"], "damaged" in end["because"]) == ("FAILED", True)
    assert house.engine.content(DISK)[:2] == ("town-web-r1-0", "fox")
    assert house.http.get("/v1/machines/town-web-r1-0").json()["phase"] == "SERVING"


def test_a_clone_is_a_disk_of_its_own(house: House) -> None:
    deployed(house)
    assert ended(house, "/v1/clones", source=DISK, name="copy", owner="staging")["result"] == "SUCCEEDED"
    (copy,) = house.http.get("/v1/disks", params={"owner": "staging"}).json()
    assert (copy["name"], copy["writer"], copy["size_bytes"]) == ("copy", None, 2**30)
    assert house.engine.content("copy") == house.engine.content(DISK)
    assert house.http.post("/v1/clones", json={"source": DISK, "name": "copy"}).status_code == 409
    assert house.http.post("/v1/clones", json={"source": "nothing", "name": "other"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "verb"),
    [
        (f"/v1/disks/{DISK}/snapshots", {"name": "before"}, "snapshot_disk"),
        ("/v1/clones", {"source": DISK, "name": "copy"}, "clone_disk"),
    ],
)
def test_a_full_disk_in_the_middle_leaves_nothing(house: House, path: str, body: dict[str, str], verb: str) -> None:
    deployed(house)
    house.engine.fail_next(verb, Refused("there is no room", "free some space"))
    end = ended(house, path, **body)
    assert (end["result"], end["because"]) == ("FAILED", "there is no room (free some space)")
    assert house.http.get("/v1/snapshots").json() == []
    assert [disk["name"] for disk in house.http.get("/v1/disks").json()] == [DISK]
    assert house.daemon.services.store.disk_schemas.all() == {}


def test_what_does_not_exist_or_fit_is_refused(idle_house: House) -> None:
    http = idle_house.http
    assert http.post("/v1/disks/nothing/snapshots", json={}).status_code == 404
    assert http.post("/v1/disks/nothing/restores", json={"snapshot": "s"}).status_code == 404
    assert http.post("/v1/disks/nothing/snapshots", json={"name": "../x"}).status_code == 400


def test_a_snapshot_that_a_rollout_may_need_stays_until_it_is_over(house: House) -> None:
    deployed(house)
    house.publish(version=2)
    operation = house.deploy(declaration(size=1, disk=True, bake_time="30s"))
    house.until_state(operation, "SOAKING")
    name = f"{DISK}-{operation}"
    refused = house.http.delete(f"/v1/snapshots/{name}")
    assert (refused.status_code, operation in refused.json()["detail"]) == (409, True)
    house.http.post("/v1/deployments/town/signals", json={"kind": "abort"})
    house.end_of(operation)
    assert house.http.delete(f"/v1/snapshots/{name}").status_code == 204


def test_snapshots_of_a_hand_over_go_with_their_release(house: House) -> None:
    deployed(house)
    house.publish(version=2)
    text = declaration(size=1, disk=True)
    house.deployed(text)
    ended(house, f"/v1/disks/{DISK}/snapshots", name="mine")
    assert len(house.http.get("/v1/snapshots").json()) == 2
    house.daemon.prune.run()
    assert len(house.http.get("/v1/snapshots").json()) == 2
    kept = text.replace("engine: fake", "engine: fake\n    keep_releases: 1")
    for version in (3, 4):
        house.publish(version=version)
        house.deployed(kept)
    house.daemon.prune.run()
    left = {one["name"]: one["release"] for one in house.http.get("/v1/snapshots").json()}
    assert sorted(release for release in left.values() if release) == [3, 4]
    assert "mine" in left
