"""The way back is rehearsed on real containers, under load: no request fails, no critter is lost, and nothing is left."""

from __future__ import annotations

import pytest
from tests.support.town import DEPLOYMENT, Town


@pytest.fixture
def town(container_town: Town) -> Town:
    return container_town


@pytest.mark.host
def test_a_rehearsal_proves_the_way_back_beside_what_serves(town: Town) -> None:
    town.cli("bake")
    town.cli("deploy", "--yes")
    town.to_version_2()
    town.edit("18080", str(town.port))
    town.cli("bake")
    town.cli("deploy", "--yes")
    assert "way back: release 1, never rehearsed" in town.cli("status").stdout
    machines, disks = town.machines(), town.json("disk", "list")
    with town.loaded() as tally:
        assert "the way back to release 1 works" in town.cli("rehearse", "rollback").stdout
    assert (tally.failures, tally.versions) == ([], ["2"])
    assert town.machines() == machines
    assert town.json("disk", "list") == disks
    assert "way back: release 1, rehearsed" in town.cli("status").stdout
    known = town.json("status", DEPLOYMENT)["way_back"]
    assert known["ok"]
    assert known["took_s"] > 0
    assert "all is well" in town.cli("explain", DEPLOYMENT).stdout
