"""A version that is no good meets its end on the way, and the one that was good has everything back."""

from __future__ import annotations

import pytest
from tests.support.town import Town


@pytest.mark.vm
def test_an_application_that_breaks_with_its_disk_gives_it_back(town: Town) -> None:
    """It passes its boot test and fails when the real data arrives: requests are held meanwhile, and none fails."""
    before = town.machines()
    town.edit("os.access(WORLD.parent, os.W_OK)", "WORLD.exists() is False", "app/critter.py")
    town.edit("hold_limit: 4m", "hold_limit: 160s")
    town.cli("bake")
    with town.loaded() as tally:
        said = town.cli("deploy", "--yes", ok=(1,))
    assert "REVERTED" in said.stdout + said.stderr
    assert "503" in town.operation()["because"]
    assert tally.failures == []
    assert town.machines() == before
    assert len(tally.stored) > 0
    assert [r["state"] for r in town.json("release", "list", "critter-junction")] == ["GOOD", "BAD"]
    assert "nothing to do" not in town.cli("plan").stdout, "what is declared still differs from what runs"
