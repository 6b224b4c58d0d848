"""Killing what works, for real: daemon, proxy or a machine, at a random moment of a rollout, with kill -9.

Each kind of victim is found by what the product itself keeps of it, and only ours are killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from demo.stage import Stage

from stoneware.engines.container.podman import Podman
from stoneware.engines.qemu.folder import Folder
from stoneware.host.home import Home

POLL_S = 0.1

Kill = Callable[[Stage, random.Random], str]
"""Returns what was killed, for the record."""


def kill_daemon(stage: Stage, _dice: random.Random) -> str:
    """The daemon; the next command starts another one."""
    _kill(int((stage.home / "daemon.lock").read_text()))
    return "the daemon"


def kill_proxy(stage: Stage, dice: random.Random) -> str:
    """A proxy that serves."""
    files = sorted((stage.home / "traffic").glob("*/processes.json"))
    serving = json.loads(dice.choice(files).read_text())["serving"]
    if serving:
        _kill(int(serving[0]))
    return "the proxy"


def kill_machine(stage: Stage, dice: random.Random) -> str:
    """A machine that runs: its QEMU, or the first process of its container."""
    while not (names := sorted(m["name"] for m in stage.json("machine", "list") if m["power"] == "RUNNING")):
        time.sleep(POLL_S)  # where machines are recreated, none runs for a moment
    name = dice.choice(names)
    if stage.engine == "container":
        container = Podman(Home(stage.home)).containers([name]).get(name)
        pid = container.pid if container else 0
    else:
        process = Folder(stage.home / "machines" / name).process()
        pid = process[0] if process else 0
    if pid:
        _kill(pid)
    return name


KILLS: tuple[Kill, ...] = (kill_daemon, kill_proxy, kill_machine)


def left_behind(stage: Stage) -> list[str]:
    """What no release declares and still runs: machines, containers, proxies."""
    [status] = stage.json("status")
    release = status["current"]
    wanted = {
        f"{release['deployment']}-{name}-r{group['fleet']}-{i}"
        for name, group in release["groups"].items()
        for i in range(group["spec"]["size"])
    }
    running = {m["name"] for m in stage.json("machine", "list") if m["power"] == "RUNNING"}
    proxies = sum(_is_proxy_of(stage, process) for process in Path("/proc").iterdir() if process.name.isdigit())
    extra = [f"machine {name}" for name in sorted(running - wanted)]
    missing = [f"missing machine {name}" for name in sorted(wanted - running)]
    return extra + missing + [f"{proxies} proxies"] * (proxies != len(release["spec"]["services"]))


def _is_proxy_of(stage: Stage, process: Path) -> bool:
    with contextlib.suppress(OSError):
        return process.joinpath("cwd").readlink().is_relative_to(stage.home / "traffic")
    return False


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
