"""While requests are held all states share one budget, and the switch itself isn't given up for the last second of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.table import SWITCH_S, deadline_of


@pytest.mark.parametrize(
    ("state", "spent_s", "left_s"),
    [
        ("HOLDING", 0.0, 10.0),
        ("HANDING_OVER", 4.0, 6.0),
        ("SHIFTING", 4.0, 6.0),
        ("SHIFTING", 10.95, SWITCH_S),  # any way back would take longer
    ],
)
def test_what_is_left_of_it(state: str, spent_s: float, left_s: float, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.deploy(spec(disks=True, hold_limit="20s"))
    release = world.store.releases.get("town", 1)
    frame = RolloutFrame(target=1, entered_at=1000.0 + spent_s, held_since=1000.0)
    assert deadline_of(state, release, frame) == pytest.approx(left_s)
    world.close()
