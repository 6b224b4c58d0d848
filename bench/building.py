"""Builds: what a step costs over `podman run` of the same, and whether all of many queued builds come to their end."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.step_image import IMAGE, make_tar

from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.clock import SystemClock
from stoneware.daemon import Daemon, build
from stoneware.engines.container.podman import Podman
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.build import BuildSpec, BuildStatus, BuildStep, BuildView, Source

RUNS = 5
STEPS = 5
QUEUED = 50
LIMIT_S = 600.0
BARE = ("run", "--rm", "--network", "none", "--pull", "never", "--log-driver", "none", IMAGE, "true")


@benchmark("build.step_overhead_s", unit="s", limit=0.3)
def step_overhead_s(ground: Ground) -> Figure:
    """From the end of a step to that of the next one, over what `podman run` of the same takes."""
    with _shop(ground) as (daemon, podman):
        samples, bare = [], []
        for number in range(ground.runs(RUNS) + 1):
            alone_s = statistics.median(_alone(podman) for _ in range(STEPS))
            step_s = _a_step(daemon, ground)
            if number:
                bare.append(alone_s)
                samples.append(step_s - alone_s)
            say(f"{step_s:.2f} s a step, {alone_s:.2f} s alone")
    return Figure(samples, f"podman run alone takes {statistics.median(bare):.2f} s; no network, an image of 10 MB")


@benchmark("build.queued", unit="builds", at_least=50)
def queued(ground: Ground) -> Figure:
    """Builds that were queued at once, and how many of them came to their end."""
    return Figure([ground.once("queued builds", lambda: _queue(ground))[0]], "one step each, as many at once as cores")


@benchmark("build.lost", unit="builds", limit=0)
def lost(ground: Ground) -> Figure:
    """Of these, those that were never built, or twice."""
    begun, ended = ground.once("queued builds", lambda: _queue(ground))
    return Figure([begun - ended], "of the builds queued at once", counted=True)


def _queue(ground: Ground) -> tuple[int, int]:
    """How many were queued, and how many of them ran once and succeeded."""
    with _shop(ground) as (daemon, _):
        ids = [_begin(daemon, ground, 1) for _ in range(QUEUED)]
        views = [_wait(daemon, one) for one in ids]
        logs = [(daemon.services.home.logs / f"{one}.log").read_text() for one in ids]
    good = [
        view.status is BuildStatus.SUCCESS and log.count("ran\n") == 1 for view, log in zip(views, logs, strict=True)
    ]
    return len(ids), sum(good)


def _alone(podman: Podman) -> float:
    began = time.monotonic()
    podman.run(*BARE)
    return time.monotonic() - began


def _a_step(daemon: Daemon, ground: Ground) -> float:
    """The median time from one end to the next, in a build of steps one after the other."""
    view = _wait(daemon, _begin(daemon, ground, STEPS + 1))
    if view.status is not BuildStatus.SUCCESS:
        raise RuntimeError(f"{view.id}: {view.because}")
    ends = [float(step.ended_at or 0.0) for step in view.steps]
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(ends))


def _begin(daemon: Daemon, ground: Ground, steps: int) -> str:
    chain = tuple(
        BuildStep(id=f"s{at}", image=IMAGE, script="echo ran", network="none", waits_for=tuple(range(at)))
        for at in range(steps)
    )
    folder = Path(ground.home.root) / "build-source"
    folder.mkdir(exist_ok=True)
    one = daemon.services.building.begin(Source(folder=str(folder)), actor="bench", spec=BuildSpec(steps=chain))
    daemon.services.worker.poke()
    return one.id


def _wait(daemon: Daemon, identity: str) -> BuildView:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        view = daemon.services.building.show(identity)
        if view.ended_at is not None:
            return view
        time.sleep(0.02)
    raise RuntimeError(f"{identity} has not ended: {view.because}")


@contextlib.contextmanager
def _shop(ground: Ground) -> Iterator[tuple[Daemon, Podman]]:
    """A daemon at work on a home of its own, whose store of builds has a small image."""
    root = ground.home.root / "building"
    home = Home(root / "home")
    root.mkdir(exist_ok=True)
    home.prepare()
    podman = Podman(Home(home.builds))
    podman.folder.mkdir(exist_ok=True)
    podman.run("import", make_tar(root / "tree"), IMAGE, timeout_s=120)
    daemon = build(home, SystemClock())
    daemon.services.worker.start()
    try:
        yield daemon, podman
    finally:
        daemon.services.worker.stop()
        daemon.services.store.close()
        podman.run("rm", "--all", "--force", "--time", "0")
        run(["umount", podman.folder / "store" / "overlay"], ok=(0, 32))
        shutil.rmtree(podman.run_folder, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)
