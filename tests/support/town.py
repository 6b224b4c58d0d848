"""A Stoneware of its own for a story test: a real daemon in a home of its own, driven by the real command line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.load import Load, Tally
from demo.stage import Stage
from tests.support.foundry import Foundry

DEPLOYMENT = "critter-junction"


class Town(Stage):
    """The demo's stage, with answers kept instead of shown."""

    def cli(self, *words: str, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """A command, its words and its exit code."""
        argv, env = self._words(words), self._env()
        ended = subprocess.run(argv, cwd=self.place, env=env, check=False, capture_output=True, text=True, timeout=300)
        said = f"`stoneware {' '.join(words)}` ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        assert ended.returncode in ok, said
        assert "Traceback" not in ended.stderr + ended.stdout, said
        return ended

    def serve(self) -> int:
        """Starts the daemon; its pid."""
        self.cli("serve", "--background")
        return int(self.pid())

    def pid(self) -> int:
        """The daemon's process."""
        return int((self.home / "daemon.lock").read_text())

    def kill_daemon(self) -> None:
        """kill -9, as a crash does it."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        await_true(lambda: not Path(f"/proc/{pid}").exists(), 10)

    def operation(self) -> dict[str, Any]:
        """The newest operation."""
        newest: dict[str, Any] = self.json("history", "--limit", "1")[0]
        return newest

    def in_state(self, *states: str, limit_s: float = 120) -> dict[str, Any]:
        """Waits until the newest operation is in one of these states, or is over."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.operation())
            return found["state"] in states or found["result"] is not None

        await_true(look, limit_s)
        return found

    def ended(self, limit_s: float = 240) -> dict[str, Any]:
        """Waits until the newest operation is over."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.operation())
            return found["result"] is not None

        await_true(look, limit_s)
        return found

    def machines(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Power and disks by name."""
        return {m["name"]: (m["power"], tuple(m["attached"])) for m in self.json("machine", "list")}

    def service(self) -> str:
        """Where the service listens."""
        return f"127.0.0.1:{self.port}"

    port = 18080

    def use_free_port(self) -> None:
        """Lets the deployment listen where nobody else does, so that stories can't meet."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            object.__setattr__(self, "port", probe.getsockname()[1])
        self.edit("18080", str(self.port))

    def edit(self, old: str, new: str, file: str = "stoneware.yaml") -> None:
        """Changes a file of the repository."""
        path = self.repository / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    @contextmanager
    def loaded(self) -> Iterator[Tally]:
        """Clients ask all the while; the tally is whole at the end."""
        load = Load(self.service())
        load.start()
        try:
            yield load.tally
        finally:
            load.stop()


def open_town(folder: Path, foundry: Foundry, engine: str = "qemu") -> Town:
    """A town whose bakes find what others built."""
    town = Town(folder, engine)
    foundry.lend(town.home)
    town.set()
    town.use_free_port()
    town.serve()
    return town


def await_true(look: Callable[[], bool], limit_s: float) -> None:
    """Waits until it holds."""
    until = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)
