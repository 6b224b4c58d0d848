"""Machines, disks, the ledger and the daemon itself: looks that change nothing, and the one that deletes a disk."""

from __future__ import annotations

import os

from tests.api.house import House, declaration

from stoneware import __version__
from stoneware.errors import Refused

DISK = "/v1/disks/town-web-data-0"


def verbs(house: House) -> list[str]:
    return [entry["fact"]["verb"] for entry in house.http.get("/v1/ledger", params={"limit": 1000}).json()]


def test_the_daemon_says_who_it_is(house: House) -> None:
    about = house.http.get("/v1/about").json()
    assert (about["version"], about["pid"], about["home"]) == (__version__, os.getpid(), str(house.home.root))
    assert about["memory_bytes"] > 2**20


def test_machines_are_shown_alone_together_and_by_owner(house: House) -> None:
    house.deployed()
    every = house.http.get("/v1/machines").json()
    assert [machine["phase"] for machine in every] == ["SERVING", "SERVING"]
    assert house.http.get("/v1/machines/town-web-r1-1").json() == every[1]
    owners = [house.http.get("/v1/machines", params={"owner": owner}).json() for owner in ("town", "village")]
    assert owners == [every, []]
    console = house.http.get("/v1/machines/town-web-r1-0/console", params={"lines": 1})
    assert (console.headers["Content-Type"], console.text) == (
        "text/plain; charset=utf-8",
        "town-web-r1-0: serving",
    )


def test_a_disk_is_deleted_by_name_when_no_machine_has_it(house: House) -> None:
    house.deployed(declaration(disk=True))
    refused = house.http.delete(DISK)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/refused")
    assert "town-web-r1-0" in refused.json()["detail"]
    assert verbs(house)[-2:] == ["disk.delete", "disk.keep"]
    house.end_of(house.http.delete("/v1/deployments/town").json()["id"])
    assert house.http.delete(DISK, params={"reason": "moved"}).status_code == 204
    assert [disk["name"] for disk in house.http.get("/v1/disks").json()] == ["town-web-data-1"]
    assert verbs(house)[-1] == "disk.delete"
    assert house.http.delete(DISK).status_code == 404


def test_a_disk_that_could_not_be_deleted_is_there_still_and_the_ledger_says_so(house: House) -> None:
    house.deployed(declaration(disk=True))
    house.end_of(house.http.delete("/v1/deployments/town").json()["id"])
    house.engine.fail_next("delete_disk", Refused("its snapshot is in use"))
    assert house.http.delete(DISK).status_code == 409
    assert verbs(house)[-2:] == ["disk.delete", "disk.keep"]
    assert house.http.get("/v1/ledger/verdict").json()["problem"] is None


def test_the_ledger_is_read_in_pieces_and_by_subject(house: House) -> None:
    house.deployed()
    whole = house.http.get("/v1/ledger", params={"limit": 1000}).json()
    first = house.http.get("/v1/ledger", params={"limit": 2}).json()
    rest = house.http.get("/v1/ledger", params={"after": first[-1]["seq"], "limit": 1000}).json()
    assert first + rest == whole
    subjects = {entry["fact"]["subject"] for entry in house.http.get("/v1/ledger", params={"subject": "web"}).json()}
    assert subjects == {"web/1"}


def test_the_verdict_names_the_end_and_the_first_bad_entry(house: House) -> None:
    entries = house.http.get("/v1/ledger").json()
    good = {"problem": None, "entries": len(entries), "head": entries[-1]["hash"], "checkpoints": 0}
    assert house.http.get("/v1/ledger/verdict").json() == good
    with house.daemon.services.store.db.begin() as conn:
        conn.exec_driver_sql("UPDATE ledger SET at = 0 WHERE seq = 1")
    assert house.http.get("/v1/ledger/verdict").json()["problem"] == "entry 1 was changed"
