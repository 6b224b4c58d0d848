"""Bakes that come to nothing: a failing test, a failing step, a daemon that dies, a person who aborts. Nothing half-made stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.town import Town, await_true


@pytest.mark.vm
def test_an_image_that_fails_its_boot_test_is_not_published(workshop: Town) -> None:
    known = workshop.json("image", "list", "--deleted")
    workshop.edit(
        '- http: { port: 80, path: /version, body: "1" }',
        '- { within: 45s, http: { port: 80, path: /version, body: "7" } }',
    )
    workshop.edit("move_in", "welcome", "app/critter.py")
    said = workshop.cli("bake", ok=(1,))
    text = said.stdout + said.stderr
    assert "http :80/version -> 200 with '7': not passed within 45s" in text
    assert "the body lacks '7': '1" in text
    assert "--- the end of the console" in text
    assert workshop.json("image", "list") == [image for image in known if image["state"] != "DELETED"]


@pytest.mark.vm
def test_a_recipe_that_fails_shows_its_step_and_last_lines_and_leaves_nothing(workshop: Town) -> None:
    before = workshop.json("image", "list", "--deleted")
    workshop.edit("RUN systemctl enable", "RUN echo one; echo two; ls /nowhere\nRUN systemctl enable", "Containerfile")
    said = workshop.cli("bake", ok=(1,))
    text = said.stdout + said.stderr
    assert "STEP 7/9: RUN echo one; echo two; ls /nowhere" in text
    assert "cannot access '/nowhere'" in text
    assert workshop.json("image", "list", "--deleted") == before
    assert list((workshop.home / "build" / "work").iterdir()) == []


@pytest.mark.vm
def test_a_bake_that_is_killed_goes_on_and_one_that_is_aborted_leaves_nothing(workshop: Town) -> None:
    workshop.edit("RUN echo one; echo two; ls /nowhere", "RUN echo asleep; sleep 600", "Containerfile")
    workshop.cli("bake", "--no-wait")
    await_true(lambda: len(sleepers()) > 0, 120)
    workshop.kill_daemon()
    orphans = sleepers()
    assert orphans, "a build outlives its daemon"
    workshop.serve()
    await_true(lambda: sleepers() and not set(sleepers()) & set(orphans), 120)
    workshop.cli("abort", workshop.operation()["id"], "--reason", "too slow")
    end = workshop.ended()
    assert end["result"] == "FAILED"
    assert "aborted by" in end["because"]
    assert sleepers() == []
    assert list((workshop.home / "build" / "work").iterdir()) == []
    mounts = Path("/proc/mounts").read_text()
    assert str((workshop.home / "build").resolve()) not in mounts


def sleepers() -> list[int]:
    """The pids of the recipe's `sleep 600` that belong to this workshop."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (process / "cmdline").read_bytes() == b"sleep\x00600\x00":
                found.append(int(process.name))
        except (OSError, ValueError):
            continue
    return found
