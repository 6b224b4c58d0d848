"""`stoneware ledger`, `history --at` and `blame`: what is asked of the daemon, what people see, and what needs no daemon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Stoneware
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.cli import options
from stoneware.host.home import Home
from stoneware.model.machine import WantedDisk
from stoneware.model.snapshot import WantedSnapshot
from stoneware.operations.checkpoints import Checkpoints
from stoneware.operations.disks import CloneFrame, SnapshotFrame
from stoneware.operations.looking_back import LookingBack


class Daemon:
    """Answers from a simulated world."""

    def __init__(self, world: World, home: Home) -> None:
        self.world, self.checkpoints = world, Checkpoints(world.store, home, world.clock)

    def get(self, path: str, **query: Any) -> Any:
        if path == "/v1/ledger":
            found = self.world.store.ledger.entries(query["after"], query["limit"])
            return [one.model_dump(mode="json") for one in found]
        if path == "/v1/ledger/checkpoints":
            return self.checkpoints.lines()
        if path == "/v1/history":
            return LookingBack(self.world.store).at(query["at"], query["deployment"]).model_dump(mode="json")
        return LookingBack(self.world.store).blame(path.split("/")[3]).model_dump(mode="json")

    def post(self, _path: str, _body: dict[str, Any]) -> Any:
        made, line = self.checkpoints.make()
        return {"checkpoint": made.model_dump(mode="json"), "line": line}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A deployment with a disk, and a daemon that knows it."""
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=True)).id)
    home = Home(tmp_path / "home")
    home.prepare()
    daemon = Daemon(world, home)
    monkeypatch.setattr(options, "client", lambda: daemon)
    yield world
    world.close()


def test_an_export_is_verified_without_a_daemon(stoneware: Stoneware, world: World, tmp_path: Path) -> None:
    assert stoneware("ledger", "export", "ledger.jsonl").code == 0
    known = stoneware("ledger", "verify", "--file", "ledger.jsonl")
    entries = world.store.ledger.end()[0]
    assert (known.code, known.out) == (0, f"the chain holds: {entries} entries, 1 checkpoint\n")
    elsewhere = Path("kept.jsonl")
    elsewhere.write_text(stoneware("ledger", "checkpoint").out)
    file = Path("ledger.jsonl")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[5:]))
    found = stoneware("ledger", "verify", "--file", "ledger.jsonl", "--checkpoint", "kept.jsonl", "--json")
    assert (found.code, json.loads(found.out)["problem"]) == (1, "entry 1 is missing")


def test_who_has_no_key_is_asked_for_one(stoneware: Stoneware, world: World, tmp_path: Path) -> None:
    assert stoneware("ledger", "export", "ledger.jsonl").code == 0
    public = Home(tmp_path / "home").public_key
    moved = public.rename(tmp_path / "theirs.pub")
    none = stoneware("ledger", "verify", "--file", "ledger.jsonl")
    assert none.code == 2 and "--key" in none.err
    assert stoneware("ledger", "verify", "--file", "ledger.jsonl", "--key", str(moved)).code == 0


def test_a_moment_of_the_past_is_shown(stoneware: Stoneware, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    then = world.clock.now()
    world.clock.sleep(600)
    world.run(world.destroy().id)
    monkeypatch.setattr(time, "time", lambda: then + 300)
    shown = stoneware("history", "--at", "5m ago", "town")
    assert shown.code == 0, shown.err
    for part in (
        "town: release 1",
        "group web: 2 of web/1",
        "town.play: release 1",
        "town-web-r1-0  RUNNING  web/1",
        "disk town-web-data-0: town-web-r1-0, 1.0 GiB",
    ):
        assert part in shown.out, shown.out
    found = json.loads(stoneware("history", "--at", "5m ago", "--json").out)
    assert [one["name"] for one in found["deployments"][0]["machines"]] == ["town-web-r1-0", "town-web-r1-1"]
    monkeypatch.setattr(time, "time", world.clock.now)
    now = stoneware("history", "--at", "0s ago").out
    assert "town: no current release" in now and "no machines" in now and "disk town-web-data-0: free" in now


def test_data_outlives_its_deployment_and_its_disk(
    stoneware: Stoneware, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = WantedSnapshot(name="s1", why="before", data_schema=None)
    world.run(world.begin("snapshot", SnapshotFrame(engine="fake", disk="town-web-data-1", snapshot=kept)).id)
    copy = WantedDisk(name="copy", owner="lab", size_bytes=2**30)
    world.run(world.begin("clone", CloneFrame(engine="fake", source="town-web-data-1", disk=copy)).id)
    monkeypatch.setattr(time, "time", world.clock.now)
    shown = stoneware("history", "--at", "0s ago").out
    assert "\n  snapshot s1 of disk town-web-data-1, made at 20" in shown
    assert "\ndisk copy: free, 1.0 GiB\n" in shown
    assert "disk copy" not in stoneware("history", "--at", "0s ago", "town").out


def test_a_machine_tells_how_it_came_to_be(stoneware: Stoneware, world: World) -> None:
    shown = stoneware("blame", "town-web-r1-0").out
    for part in ("town#1", "rollout-1", "web/1 sha256:", "tester", "machine.create", "image.publish"):
        assert part in shown
    assert json.loads(stoneware("blame", "town-web-r1-0", "--json").out)["operation"] == "rollout-1"
    assert stoneware("blame", "town-web-r7-0").code == 2


def test_what_is_no_time_is_refused(stoneware: Stoneware) -> None:
    found = stoneware("history", "--at", "yesterday")
    assert found.code == 2 and "15m ago" in found.err
    found = stoneware("history", "--at", "2999-01-01")
    assert found.code == 2 and "still to come" in found.err
