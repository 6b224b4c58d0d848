"""The demo's story, measured: a version rolled out and back while each machine's disk moves, with clients that write all the while.

A request that waits at the proxy while disks move is no failure; one that isn't answered, or not as it should be, is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from demo.load import Load, Tally
from demo.stage import Stage
from demo.story import held

from bench.ground import Ground, free_port, say
from bench.memory import rss_mb
from bench.registry import Figure, benchmark
from bench.town import listen

SETTLED_S = 2.0


@dataclass(frozen=True)
class Told:
    """What came of the story: what clients saw, how long requests were held (seconds a hand-over), and the daemon's memory."""

    tally: Tally
    held_s: list[float]
    daemon_mb: float


@benchmark("handover.failed", unit="requests", limit=0)
def failed(ground: Ground) -> Figure:
    """Requests that failed while version 2 was rolled out, and taken back, on containers with disks."""
    return _failed(ground.once("story on containers", lambda: _tell(ground, "container")))


@benchmark("handover.vm_failed", unit="requests", limit=0)
def vm_failed(ground: Ground) -> Figure:
    """The same on virtual machines."""
    return _failed(ground.once("story", lambda: _tell(ground)))


def _failed(told: Told) -> Figure:
    held_s = ", ".join(f"{seconds:.1f} s" for seconds in told.held_s)
    shown = f"; such as {told.tally.failures[0]}" if told.tally.failures else ""
    detail = f"{told.tally.sent} requests, {len(told.held_s)} hand-overs; held for {held_s}{shown}"
    return Figure([len(told.tally.failures)], detail, counted=True)


@benchmark("handover.hold_s", unit="s", limit=3.0)
def hold_s(ground: Ground) -> Figure:
    """How long requests were held while a single-writer disk moved between containers."""
    told = ground.once("story on containers", lambda: _tell(ground, "container"))
    detail = f"{len(told.held_s)} hand-overs of two machines each, while {told.tally.sent} requests were sent"
    return Figure(told.held_s, detail)


@benchmark("daemon.rss_mb", unit="MB", limit=150)
def daemon_mb(ground: Ground) -> Figure:
    """What the daemon takes when all that is over (10^6 bytes)."""
    told = ground.once("story", lambda: _tell(ground))
    return Figure([told.daemon_mb], "VmRSS after two bakes, two deploys and a rollback of two machines with disks")


def _tell(ground: Ground, engine: str = "qemu") -> Told:
    """The story with what is measured in it, on an address that nobody else has."""
    stage, address = ground.town(engine), f"127.0.0.1:{free_port()}"
    stage.home.mkdir(parents=True, mode=0o700)
    (stage.home / "build").symlink_to(ground.home.build)
    try:
        stage.set()
        listen(stage, address)
        stage.run("serve", "--background")
        stage.run("bake", "--reason", "version 1")
        stage.run("deploy", "--yes", "--reason", "first release")
        load = Load(address)
        load.start()
        try:
            _there_and_back(stage, address)
        finally:
            tally = load.stop()
        told = Told(tally, held(stage), _daemon_mb(stage))
    finally:
        ground.end_town(engine)
    if tally.versions != ["1", "2", "1"]:
        raise RuntimeError(f"the story went otherwise: versions {' -> '.join(tally.versions)}")
    return told


def _there_and_back(stage: Stage, address: str) -> None:
    stage.to_version_2()
    listen(stage, address)
    stage.run("bake", "--reason", "version 2")
    stage.run("deploy", "--yes", "--reason", "version 2")
    stage.run("rollback", "--yes", "--reason", "measured")


def _daemon_mb(stage: Stage) -> float:
    time.sleep(SETTLED_S)
    pid = int((stage.home / "daemon.lock").read_text())
    if not Path(f"/proc/{pid}").exists():
        raise RuntimeError("the daemon is gone")
    say(f"the daemon is process {pid}")
    return rss_mb(pid)
