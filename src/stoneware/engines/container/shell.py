"""Break-glass on a container: `podman exec` at a terminal of ours.

What it starts carries a mark in its environment, by which all of it is found again and ended, also by a later daemon. A program
that throws its environment away isn't found; it ends with the container, which is replaced.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from stoneware.engines.container.podman import Container, Podman
from stoneware.errors import Refused, Unreachable
from stoneware.host import terminal
from stoneware.model.shell import Window

MARK = "STONEWARE_SHELL"
START_LIMIT_S = 20.0
POLL_S = 0.05
PROGRAM = "/bin/sh"
ALL_GONE_S = 5.0


class ContainerWay:
    """The terminal that podman is at, and how what runs in the container is ended."""

    def __init__(self, ours: terminal.OnTerminal, container: Container) -> None:
        self._ours, self._container = ours, container

    def read(self, timeout_s: float) -> bytes | None:
        return self._ours.read(timeout_s)

    def write(self, data: bytes) -> None:
        self._ours.write(data)

    def resize(self, window: Window) -> None:
        self._ours.resize(window.rows, window.columns)

    def close(self) -> None:
        end_shell(self._container)
        self._ours.close()


def open_shell(podman: Podman, container: Container, window: Window) -> ContainerWay:
    """Starts a shell, and waits until it is there. Raises Refused without one, and while somebody is in; else Unreachable."""
    if marked(container):
        raise Refused(f"somebody is in machine {container.name}", "one at a time: wait for its end")
    if not os.path.lexists(container.root / PROGRAM.lstrip("/")):
        raise Refused(f"the image of machine {container.name} has no {PROGRAM}", "put one into its recipe")
    words = ["exec", "--interactive", "--tty", "--user", "0", "--env", f"{MARK}={container.id}"]
    words += ["--env", f"TERM={window.kind}", container.name, PROGRAM, "-i"]
    podman.networks()
    ours = terminal.start(podman.words(*words), window.rows, window.columns, podman.env(), podman.folder)
    until = time.monotonic() + START_LIMIT_S
    while not marked(container):
        if ours.ended or time.monotonic() > until:
            said = (ours.read(0) or b"").decode("utf-8", "replace").strip()[-300:] or "without a word"
            ours.close()
            raise Unreachable(f"podman starts no shell in machine {container.name}: {said}")
        time.sleep(POLL_S)
    return ContainerWay(ours, container)


def end_shell(container: Container) -> None:
    """Ends all that came from a shell in this container, until there is none of it left, but no longer than some seconds."""
    until = time.monotonic() + ALL_GONE_S
    while (found := marked(container)) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S / 5)


def marked(container: Container) -> list[int]:
    """Processes in this container, as the host counts them, that came from a shell."""
    mark, found = f"{MARK}={container.id}".encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            ours = container.id in (entry / "cgroup").read_text()
            if ours and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
