"""The whole story on containers: baked, tested, deployed, rolled out under load, rolled back; no virtual machine anywhere."""

from __future__ import annotations

import http.client

import pytest
from demo.load import duplicates
from demo.story import held
from tests.support.town import Town


@pytest.fixture
def town(container_town: Town) -> Town:
    return container_town


def critters(town: Town) -> list[str]:
    """Everyone on every machine's disk."""
    found: list[str] = []
    for machine in town.json("machine", "list"):
        if machine["power"] == "RUNNING":
            host, _, port = machine["addresses"]["80"].rpartition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", "/critters")
            found += connection.getresponse().read().decode().split()
    return found


@pytest.mark.host
def test_containers_are_baked_rolled_out_and_rolled_back_without_a_failed_request(town: Town) -> None:
    assert "published critter-web/1" in town.cli("bake").stdout
    assert town.json("image", "show", "critter-web/1")["manifest"]["deliver"] == ["container"]
    town.cli("deploy", "--yes")
    with town.loaded() as tally:
        town.to_version_2()
        town.edit("18080", str(town.port))
        town.cli("bake")
        town.cli("deploy", "--yes")
        town.kill_daemon()
        town.serve()
        town.cli("rollback", "--yes")
    assert tally.failures == []
    assert tally.versions == ["1", "2", "1"]
    found = critters(town)
    assert not set(tally.stored) - set(found)
    assert not duplicates(found)
    assert len(held(town)) >= 2, "each hand-over says for how long it held requests"
