"""Old logs go, and nothing that is still written to."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.host.home import Home
from stoneware.operations.log_prune import LogPrune

NAMES = ("rollout-1", "bake-2", "build-3", "bake-4", "daemon", "status-hook", "bake-5")


def test_the_newest_stay_as_far_as_they_have_room(tmp_path: Path) -> None:
    world, home = World(tmp_path), Home(tmp_path / "home")
    world.publish("web", 1)
    assert world.deploy(spec(2, False)).id == "rollout-1"  # it is under way
    home.logs.mkdir(parents=True)
    for at, name in enumerate(NAMES):
        (home.logs / f"{name}.log").write_text("x" * 100)
        os.utime(home.logs / f"{name}.log", (at, at))

    def left() -> set[str]:
        return {path.stem for path in home.logs.iterdir()}

    assert LogPrune(world.store, home).run() == []
    assert LogPrune(world.store, home, kept=2).run() == ["bake-2"]
    assert left() == {*NAMES} - {"bake-2"}
    assert LogPrune(world.store, home, kept_bytes=199).run() == ["bake-4"]
    assert LogPrune(world.store, home, kept=0).run() == ["bake-5"]
    assert left() == {"rollout-1", "build-3", "daemon", "status-hook"}
    world.close()
