"""`stoneware build` as scripts and people use it: exit codes, both outputs, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipeline.house import House
from tests.support.step_image import IMAGE

pytestmark = pytest.mark.host


def folder_of(place: Path, *scripts: str, **more: object) -> str:
    """A folder whose build runs these scripts one after the other."""
    place.mkdir(exist_ok=True)
    steps = [{"name": IMAGE, "script": script} for script in scripts]
    (place / "cloudbuild.yaml").write_text(json.dumps({"steps": steps, **more}))
    return str(place)


def test_exit_codes_and_outputs(house: House, tmp_path: Path) -> None:
    good = house.done("build", folder_of(tmp_path / "good", "echo fine"))
    assert good.returncode == 0 and "Step #0: fine" in good.stdout and "build-1 SUCCESS" in good.stdout
    bad = house.done("build", folder_of(tmp_path / "bad", "echo so far", "exit 7", "echo never"), "--json")
    assert bad.returncode == 1
    told = json.loads(bad.stdout)  # one document
    assert told["status"] == "FAILURE" and [step["status"] for step in told["steps"]] == [
        "SUCCESS",
        "FAILURE",
        "CANCELLED",
    ]
    assert told["steps"][1]["exit_code"] == 7
    late = house.done("build", folder_of(tmp_path / "late", "sleep 60", timeout="1s"))
    assert late.returncode == 1 and "build-3 TIMEOUT" in late.stderr
    assert "`stoneware build logs build-3`" in late.stderr
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "cloudbuild.yaml").write_text("steps:\n- name: a\n  argz: [b]\n")
    wrong = house.done("build", str(tmp_path / "wrong"))
    assert wrong.returncode == 2 and "cloudbuild.yaml:3" in wrong.stderr and "argz" in wrong.stderr
    for words, code in (("show", "build-4"), 2), (("logs", "build-4"), 2), (("cancel", "build-3"), 1):
        ended = house.done("build", *words)
        assert ended.returncode == code and "Traceback" not in ended.stderr and not ended.stdout
    assert [one["id"] for one in json.loads(house.cli("build", "list", "--json"))] == ["build-3", "build-2", "build-1"]
    house.cli("serve", "--stop")
    away = house.done("build", folder_of(tmp_path / "good", "echo fine"))
    assert away.returncode == 3 and "serve" in away.stderr
    house.cli("serve", "--background")


def test_a_build_goes_on_when_somebody_stops_looking_and_ends_when_it_is_cancelled(
    house: House, tmp_path: Path
) -> None:
    words = ["build", folder_of(tmp_path / "slow", "echo begun; sleep 600")]
    looking = subprocess.Popen(
        [sys.executable, "-m", "stoneware", *words],
        env={**os.environ, "STONEWARE_HOME": str(house.home.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    house.wait_for_log("build-1", "begun")
    looking.send_signal(signal.SIGINT)
    _, said = looking.communicate(timeout=30)
    assert looking.returncode == 1 and "goes on without you" in said and "stoneware build cancel build-1" in said
    assert house.show("build-1")["status"] == "WORKING"
    house.cli("build", "cancel", "build-1", "--reason", "enough")
    printed = house.cli("build", "logs", "-f", "build-1")
    told = house.show("build-1")
    assert told["status"] == "CANCELLED" and "enough" in told["because"] and "CANCELLED" in printed
    assert not house.podman.run("ps", "--all", "--quiet").strip()


def test_words_that_are_no_repository(house: House, tmp_path: Path) -> None:
    for word in "fd::17@main", "ext::sleep 60", "ftp://127.0.0.1/x":
        refused = house.done("build", "run", "--", word)
        assert refused.returncode == 2 and "no repository" in refused.stderr, refused
        assert "https://HOST/PATH" in refused.stderr
    token = house.done("build", "https://token@127.0.0.1:9/app.git")
    assert token.returncode == 2 and "token in it" in token.stderr and "credential helper" in token.stderr
    titled = folder_of(tmp_path / "titled", r"printf '\033]0;title\a\033[1mbold\033[0m\a\n'")
    shown = house.done("build", titled)
    assert "Step #0: bold\n" in shown.stdout and not set(shown.stdout) & set("\x1b\a")
    assert "\x1b]0;title\a" in (house.home.logs / "build-1.log").read_text()
