"""Data that an older version can't read: nothing goes there by accident, and on purpose it goes back with the data of that time."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import pytest
from tests.support.callers import Callers
from tests.support.quay import Berth

FAMILY = "keeping"
GROUP = {"image": FAMILY, "disks": {"lines": {"size": "16MiB", "mount": "/kept"}}}


def ask(berth: Berth, method: str, body: str | None = None) -> str:
    host, _, port = berth.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request(method, "/kept", body)
    said = connection.getresponse().read().decode()
    connection.close()
    return said


@pytest.mark.host
def test_the_way_back_over_a_change_of_the_data(berth: Callable[..., Berth]) -> None:
    it = berth("keepers", size=1, group=GROUP)
    it.bake(FAMILY, reads=(1,), writes=1)
    it.deploy("1")
    ask(it, "POST", "fox")
    it.bake(FAMILY, reads=(1, 2), writes=2)

    refused = it.deploy("2", ok=(1,))
    assert "keeping/2 would leave schema 2 on keepers-web-lines-0, which keeping/1 can't read" in refused
    assert "on_failure: restore_snapshot" in refused
    assert list(it.machines()) == ["keepers-web-r1-0"]

    it.rollout["on_failure"] = "restore_snapshot"
    it.deploy("2")
    ask(it, "POST", "owl")
    assert ask(it, "GET").split() == ["fox", "owl"]

    ended = it.town.cli("rollback", it.name, "--yes", ok=(1,))
    assert "reads schema 1, and the data has schema 2" in ended.stderr
    assert "--restore-data" in ended.stderr
    with Callers(it.address) as callers:
        it.town.cli("rollback", it.name, "--to", "1", "--restore-data", "--yes")
    assert it.operation()["result"] == "SUCCEEDED"
    assert callers.failures == []
    assert ask(it, "GET").split() == ["fox"]

    kept = it.town.json("disk", "snapshots")
    [newest] = [one["name"] for one in kept if one["data_schema"] == 2]
    it.town.cli("disk", "clone", newest, "looked-at")
    assert "looked-at" in {one["name"] for one in it.town.json("disk", "list")}
    it.town.cli("disk", "delete", "looked-at", "--yes")
