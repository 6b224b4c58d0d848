"""A version that is no good meets its end on the way, and the one that was good has everything back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.town import Town, await_true


@pytest.mark.vm
def test_an_application_that_breaks_with_its_disk_gives_it_back(town: Town) -> None:
    """It passes its boot test and fails when the real data arrives: requests are held meanwhile, and none fails."""
    before = town.machines()
    town.edit("os.access(WORLD.parent, os.W_OK)", "WORLD.exists() is False", "app/critter.py")
    town.edit("drain: 10s", "drain: 10s, hold_limit: 40s")
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


@pytest.mark.vm
def test_an_image_that_fails_its_boot_test_is_not_published(town: Town) -> None:
    known = town.json("image", "list", "--deleted")
    town.edit(
        '- http: { port: 80, path: /version, body: "1" }',
        '- { within: 15s, http: { port: 80, path: /version, body: "7" } }',
    )
    town.edit("move_in", "welcome", "app/critter.py")
    said = town.cli("bake", ok=(1,))
    text = said.stdout + said.stderr
    assert "http :80/version -> 200 with '7': not passed within 15s" in text
    assert "the body lacks '7': '1" in text
    assert "--- the end of the console" in text
    assert town.json("image", "list") == [image for image in known if image["state"] != "DELETED"]


@pytest.mark.vm
def test_a_recipe_that_fails_shows_its_step_and_last_lines_and_leaves_nothing(town: Town) -> None:
    before = town.json("image", "list", "--deleted")
    town.edit("RUN systemctl enable", "RUN echo one; echo two; ls /nowhere\nRUN systemctl enable", "Containerfile")
    said = town.cli("bake", ok=(1,))
    text = said.stdout + said.stderr
    assert "STEP 7/9: RUN echo one; echo two; ls /nowhere" in text
    assert "cannot access '/nowhere'" in text
    assert town.json("image", "list", "--deleted") == before
    assert list((town.home / "build" / "work").iterdir()) == []


@pytest.mark.vm
def test_a_bake_that_is_killed_goes_on_and_one_that_is_aborted_leaves_nothing(town: Town) -> None:
    town.edit("RUN echo one; echo two; ls /nowhere", "RUN echo asleep; sleep 600", "Containerfile")
    town.cli("bake", "--no-wait")
    await_true(lambda: len(sleepers(town)) > 0, 120)
    town.kill_daemon()
    orphans = sleepers(town)
    assert orphans, "a build outlives its daemon"
    town.serve()
    await_true(lambda: sleepers(town) and not set(sleepers(town)) & set(orphans), 120)
    town.cli("abort", town.operation()["id"], "--reason", "too slow")
    end = town.ended()
    assert end["result"] == "FAILED"
    assert "aborted by" in end["because"]
    assert sleepers(town) == []
    assert list((town.home / "build" / "work").iterdir()) == []
    mounts = Path("/proc/mounts").read_text()
    assert str((town.home / "build").resolve()) not in mounts


def sleepers(town: Town) -> list[int]:
    """The pids of the recipe's `sleep 600` that belong to this town."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (process / "cmdline").read_bytes() == b"sleep\x00600\x00":
                found.append(int(process.name))
        except (OSError, ValueError):
            continue
    return found
