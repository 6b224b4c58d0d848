"""How soon a container of a recipe serves, that a virtual machine of the same recipe is made of, too."""

from __future__ import annotations

import time

from bench.bakery import version_1, wanted_machine
from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.bake.units import GENERATORS, MASKED
from stoneware.clock import SystemClock
from stoneware.engines.container import ContainerEngine, Masks
from stoneware.host.probe import ask
from stoneware.model.probe import HttpProbe

RUNS = 10
START_LIMIT_S = 30.0
ASK_EVERY_S = 0.005
VERSION = HttpProbe(port=80, path="/version")


@benchmark("container.start_s", unit="s", limit=0.6)
def start_s(ground: Ground) -> Figure:
    """Seconds from the call that makes a machine to its first HTTP 200: systemd and NGINX in a container."""
    artifact = version_1(ground)
    engine, samples = ContainerEngine(ground.home, SystemClock(), Masks(MASKED, GENERATORS)), []
    engine.publish_image(artifact)
    wanted = wanted_machine(artifact)
    try:
        for number in range(ground.runs(RUNS) + 1):
            began = time.monotonic()
            engine.create_machine(wanted)
            [address] = engine.list_machines("bench")[0].addresses.values()
            while not ask(VERSION, address, 1.0).ok:
                if time.monotonic() - began > START_LIMIT_S:
                    raise RuntimeError(f"no answer within {START_LIMIT_S:g} s")
                time.sleep(ASK_EVERY_S)
            samples += [time.monotonic() - began] if number else []
            say(f"{time.monotonic() - began:.2f} s")
            engine.delete_machine(wanted.name)
    finally:
        engine.delete_machine(wanted.name)
        engine.delete_image(artifact.manifest.digest)
    return Figure(samples, "the same image as the virtual machines of this bench, systemd as PID 1, read-only root")
