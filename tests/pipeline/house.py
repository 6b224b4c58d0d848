"""A daemon in a process of its own, and the command line that people drive it by; its builds' store has the image of the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from stoneware.engines.container.podman import Podman
from stoneware.host.home import Home
from stoneware.host.process import start_ticks

PATIENCE_S = 60.0


class House:
    """A daemon in a process of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.podman = Podman(Home(home.builds))

    def cli(self, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        """Both outputs of a command."""
        done = self.done(*words)
        assert done.returncode in ok, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def done(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command, ended."""
        env = {**os.environ, "STONEWARE_HOME": str(self.home.root)}
        return subprocess.run(
            [sys.executable, "-m", "stoneware", *words],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def pid(self) -> int:
        return int((self.home.root / "daemon.lock").read_text())

    def kill(self) -> None:
        ticks = start_ticks(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while start_ticks(self.pid) == ticks and time.monotonic() < until:
            time.sleep(0.01)

    def show(self, build: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.cli("build", "show", build, "--json"))
        return told

    def wait_for_log(self, build: str, text: str) -> None:
        until = time.monotonic() + PATIENCE_S
        path = self.home.logs / f"{build}.log"
        while not (path.exists() and text in path.read_text()):
            assert time.monotonic() < until, self.show(build)
            time.sleep(0.02)

    def supervisor(self, build: str, job: str) -> int:
        began = json.loads((self.home.builds / build / "jobs" / f"{job}.began").read_text())
        return int(began["pid"])
