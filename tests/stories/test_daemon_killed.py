"""The daemon is killed in the middle of everything, again and again, while clients load the service. Machines serve on, the next
daemon takes the operation up where it was, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal

import pytest
from tests.support.town import Town, await_true

MOMENTS = ["PROVISIONING", "HANDING_OVER", "SOAKING"]


@pytest.mark.vm
def test_a_rollout_survives_kill_9_in_each_of_its_parts(town: Town) -> None:
    town.to_version_2()
    town.edit("18080", str(town.port))
    town.cli("bake")
    with town.loaded() as tally:
        town.cli("deploy", "--yes", "--no-wait", "--reason", "version 2")
        met = []
        for moment in MOMENTS:
            met.append(town.in_state(moment)["state"])
            town.kill_daemon()
            town.serve()
        end = town.ended()
    assert end["result"] == "SUCCEEDED", end["because"]
    assert met == MOMENTS
    assert tally.failures == []
    assert tally.versions == ["1", "2"]
    assert town.machines() == {
        "critter-junction-web-r1-0": ("STOPPED", ()),
        "critter-junction-web-r1-1": ("STOPPED", ()),
        "critter-junction-web-r2-0": ("RUNNING", ("critter-junction-web-worlds-0",)),
        "critter-junction-web-r2-1": ("RUNNING", ("critter-junction-web-worlds-1",)),
    }
    assert town.json("ledger", "verify")["problem"] is None
    facts = [entry["fact"] for entry in town.json("ledger", "show", "--limit", "1000")]
    made = [fact["subject"] for fact in facts if fact["verb"] == "machine.create" and "-r2-" in fact["subject"]]
    assert sorted(made) == ["critter-junction-web-r2-0", "critter-junction-web-r2-1"]


@pytest.mark.vm
def test_machines_serve_on_without_a_daemon_and_are_adopted(town: Town) -> None:
    before = town.machines()
    with town.loaded() as tally:
        town.kill_daemon()
        said = town.cli("status", ok=(3,)).stderr
        assert "stoneware serve" in said
        town.serve()
    assert tally.failures == []
    assert town.machines() == before


@pytest.mark.vm
def test_a_machine_that_is_killed_is_replaced_with_its_disk(town: Town) -> None:
    before = town.machines()
    victim = next(name for name, (power, _) in before.items() if power == "RUNNING")
    last = town.operation()["id"]
    with town.loaded() as tally:
        os.kill(int((town.home / "machines" / victim / "qemu.pid").read_text()), signal.SIGKILL)
        await_true(lambda: town.operation()["id"] != last, 30)
        end = town.ended()
    assert (end["actor"], end["reason"], end["result"]) == ("stoneware", f"{victim} died", "SUCCEEDED")
    assert town.machines() == before
    assert [failure for failure in tally.failures if failure.startswith("GET")] == []
