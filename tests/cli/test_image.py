"""`stoneware image` with a daemon behind it: what people see of an image's life, and what programs get."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.house import ACTOR, House, TestClient
from tests.cli.conftest import Stoneware
from tests.support.near import NearClient
from tests.support.simulation import manifest

from stoneware.cli import options
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home
from stoneware.model.deployment import KeepSpec
from stoneware.model.lifecycle import Timer


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A daemon at work in this process, which the command line finds; it has `web/1` and `web/2`."""
    daemon = build(Home(tmp_path / "daemon"), SystemClock())
    with TestClient(daemon.app, headers=ACTOR, raise_server_exceptions=False) as http:
        house = House(daemon.services.home, daemon, http)
        house.engine.boot_seconds = 0.05
        for version in (1, 2):
            house.publish(version=version)

        monkeypatch.setattr(options, "client", lambda: NearClient(http))
        daemon.services.worker.start()
        yield house
        daemon.services.worker.stop()
    daemon.services.store.close()


def due(house: House, name: str, timer: Timer) -> None:
    """Sets a timer that has just come."""
    services = house.daemon.services
    services.store.catalog.schedule(name, {timer: services.clock.now() - 1}, "ann")


def keep_newest(house: House) -> None:
    house.daemon.services.store.catalog.keep("web", KeepSpec.model_validate({"newest": 1, "within": "1ms"}), "ann")


def test_a_timer_is_set_and_shown(house: House, stoneware: Stoneware) -> None:
    done = stoneware("image", "deprecate", "web/1", "--in", "30d", "--reason", "soon")
    assert (done.code, done.out) == (0, "web/1 is in 30d to be deprecated, and ACTIVE now\n")
    assert re.search(r"^deprecated +in 30d \(", stoneware("image", "show", "web/1").out, re.MULTILINE)
    done = stoneware("image", "deprecate", "web/1", "--in", "never", "--json")
    assert json.loads(done.out)["deprecate_at"] is None
    assert stoneware("image", "delete", "web/1", "--in", "never").out == "web/1 is not to be deleted, and ACTIVE now\n"


def test_what_a_timer_made_is_told_from_what_is_stored(house: House, stoneware: Stoneware) -> None:
    due(house, "web/2", Timer.OBSOLETE)
    lines = [line.split() for line in stoneware("image", "list").out.splitlines()]
    assert [line[:3] for line in lines[1:]] == [["web/1", "ACTIVE", lines[1][2]], ["web/2", "OBSOLETE", "(timer)"]]
    shown = stoneware("image", "show", "web/2").out
    assert "OBSOLETE (timer) its time to be obsolete came at" in shown
    assert "; stored is ACTIVE" in shown
    family = stoneware("family", "show", "web").out
    assert family.startswith("web resolves to web/1\n")
    assert "OBSOLETE (timer)" in family
    assert stoneware("image", "restore", "web/2").out == "web/2 is ACTIVE\n"


def test_a_familys_rule_is_shown(house: House, stoneware: Stoneware) -> None:
    keep_newest(house)
    assert "kept are the newest 1 and those of the last 1ms, and whatever is needed" in (
        stoneware("family", "show", "web").out
    )


def test_a_revocation_says_who_has_it_and_how_it_is_taken_back(house: House, stoneware: Stoneware) -> None:
    house.deployed()
    done = stoneware("image", "revoke", "web/2", "--reason", "CVE-1")
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "web/2 is revoked: CVE-1",
            "machines that have it: town-web-r1-0, town-web-r1-1",
            "releases that pin it: town#1",
            "these machines go on; deploy another image to replace them",
        ],
    )
    assert "OBSOLETE (revocation)" in stoneware("image", "list").out
    assert "group web runs web/2, which is revoked: CVE-1" in stoneware("status", "town").out
    done = stoneware("image", "restore", "web/2")
    assert (done.code, "web/2 is revoked: CVE-1" in done.err, "--revoked" in done.err) == (1, True, True)
    assert stoneware("image", "restore", "web/2", "--revoked").code == 2
    assert stoneware("image", "restore", "web/2", "--revoked", "--reason", "wrong").out == "web/2 is ACTIVE\n"


def test_a_revocation_without_a_reason_is_bad_input(house: House, stoneware: Stoneware) -> None:
    assert stoneware("image", "revoke", "web/1", "--reason", " ").code == 2
    assert "ACTIVE" in stoneware("image", "show", "web/1").out


def test_what_keeps_an_image(house: House, stoneware: Stoneware) -> None:
    assert stoneware("image", "why-kept", "web/2").out.splitlines()[0] == "family web resolves to it"
    keep_newest(house)
    assert stoneware("image", "why-kept", "web/1").out.splitlines() == [
        "nothing: prune deletes it",
        "its time is over: beyond the newest 1 and older than 1ms",
    ]
    assert json.loads(stoneware("image", "why-kept", "web/1", "--json").out)["over"] is True
    assert stoneware("image", "why-kept", "web/9").code == 2


def test_a_prune_shows_its_plan_first(house: House, stoneware: Stoneware) -> None:
    keep_newest(house)
    staged = house.daemon.services.store.catalog.stage(manifest("db", 7), 1, "ann")
    plan = [
        f"- {staged.name} (0 MiB): staged, but never published",
        "- web/1 (0 MiB): beyond the newest 1 and older than 1ms",
        "= web/2: family web resolves to it; it is one of the newest 1 of its family",
    ]
    assert stoneware("image", "prune", "--dry-run").out.splitlines() == plan
    done = stoneware("image", "prune")
    assert (done.code, done.out.splitlines(), "say --yes" in done.err) == (2, plan, True)
    done = stoneware("image", "prune", "--yes")
    assert (done.code, done.out.splitlines()) == (0, [*plan, f"{staged.name} is deleted", "web/1 is deleted"])
    assert stoneware("image", "prune").out.splitlines() == [plan[-1], "nothing to delete"]


def test_a_prune_speaks_json(house: House, stoneware: Stoneware) -> None:
    keep_newest(house)
    planned = json.loads(stoneware("image", "prune", "--dry-run", "--json").out)
    assert ([one["image"] for one in planned["plan"]["deletes"]], planned["deleted"]) == (["web/1"], [])
    done = json.loads(stoneware("image", "prune", "--yes", "--json").out)
    assert done == {"plan": planned["plan"], "deleted": planned["plan"]["deletes"]}


def test_what_is_over_but_needed_stays_with_its_reasons(house: House, stoneware: Stoneware) -> None:
    house.deployed()
    due(house, "web/2", Timer.DELETE)
    said = stoneware("image", "prune").out.splitlines()
    assert said[1] == (
        "= web/2: machine town-web-r1-0 runs it; machine town-web-r1-1 runs it; release town#1 is retained, and pins it"
    )
    assert said[-1] == "nothing to delete"
