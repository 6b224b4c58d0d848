"""The daemon or a supervisor dies in the middle of a build: it goes on, or ends with a reason, and nothing is left over."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.pipeline.conftest import Shop
from tests.pipeline.house import House
from tests.support.building import spec, step
from tests.support.step_image import IMAGE

from stoneware.model.build import BuildStatus

pytestmark = pytest.mark.host


def test_builds_go_on_when_the_daemon_is_killed(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    slow = "echo begun; n=0; while [ ! -e /workspace/go ]; do sleep 0.05; done; echo done"
    build_file = {
        "steps": [
            {"id": "slow", "name": IMAGE, "script": slow},
            {"id": "beside", "name": IMAGE, "script": "exit 0", "waitFor": ["-"]},
            {"id": "after", "name": IMAGE, "script": "echo after"},
        ]
    }
    (folder / "cloudbuild.yaml").write_text(json.dumps(build_file))
    house.cli("build", str(folder), "--network", "none", "--no-wait")
    house.wait_for_log("build-1", "begun")
    house.kill()
    assert "serve" in house.cli("build", "logs", "-f", "build-1", ok=(3,))
    (house.home.builds / "build-1" / "workspace" / "go").touch()
    house.wait_for_log("build-1", "done")  # nobody is there to start it, and it goes on by itself
    house.cli("serve", "--background")
    printed = house.cli("build", "logs", "-f", "build-1")
    assert printed.count("begun") == 1 and 'Step #2 - "after": after' in printed
    assert house.show("build-1")["status"] == "SUCCESS"
    house.cli("build", "retry", "build-1", "--no-wait")
    house.wait_for_log("build-2", "begun")
    house.kill()
    os.kill(house.supervisor("build-2", "0"), signal.SIGKILL)
    house.cli("serve", "--background")
    said = house.cli("build", "logs", "-f", "build-2")
    one = house.show("build-2")
    assert one["status"] == "INTERNAL_ERROR" and "supervisor is gone" in one["because"], said
    assert not house.podman.run("ps", "--all", "--quiet").strip()
    assert not (house.home.builds / "build-2" / "workspace").exists()


def test_a_supervisor_that_dies_ends_its_step(shop: Shop) -> None:
    build = shop.begin(spec(step("slow", "echo begun; sleep 60")))
    shop.wait_for_log(build, "begun")
    began = json.loads((shop.home.builds / build / "jobs" / "0.began").read_text())
    os.kill(began["pid"], signal.SIGKILL)
    view = shop.wait(build)
    assert view.status is BuildStatus.INTERNAL_ERROR
    assert "supervisor is gone" in view.because
    assert not shop.containers()
