"""`stoneware release diff`: two releases of a deployment as people see them, line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Stoneware
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.cli import options
from stoneware.host.home import Home
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.drift_spec import DriftSpec
from stoneware.operations.inspection import Inspection

WATCHED = {
    "interval": "1d",
    "policy": {"route.changed": "report"},
    "ignore": [{"kind": "inside.port", "reason": "metrics", "until": "2099-01-31"}],
}


def test_two_releases_side_by_side(stoneware: Stoneware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = World(tmp_path), []

    class Daemon:
        def get(self, path: str, **query: str) -> Any:
            asked.append((path, query))
            old, new = (world.store.releases.get("town", int(query[side][-1])) for side in ("before", "after"))
            return Inspection(world.store, Home(tmp_path)).diff_releases(old, new).model_dump(mode="json")

    def deploy(declared: DeploymentSpec) -> None:
        world.run(world.deploy(declared).id)

    monkeypatch.setattr(options, "client", Daemon)
    world.publish("web", 1)
    deploy(spec())
    deploy(spec(size=3).model_copy(update={"drift": DriftSpec.model_validate(WATCHED)}))
    shown = stoneware("release", "diff", "town", "1", "2")
    assert (shown.code, shown.err) == (0, "")
    assert asked == [("/v1/deployment-diff", {"before": "town#1", "after": "town#2"})]
    assert shown.out.splitlines() == [
        "town#1 -> town#2",
        "drift interval 1m -> 1d",
        "drift policy of route.changed replace (the default) -> report",
        "drift ignore of inside.port (until 2099-01-31T23:59:59Z: metrics) is only in town#2",
        "group web: size 2 -> 3",
    ]
    assert json.loads(stoneware("release", "diff", "town", "1", "2", "--json").out)["settings"] == [
        line for line in shown.out.splitlines() if line.startswith("drift")
    ]
    assert stoneware("release", "diff", "town", "2", "2").out.splitlines() == ["town#2 -> town#2", "no difference"]
    world.close()
