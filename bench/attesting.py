"""What it costs to know what a machine runs: the time that a full look takes, and what the machine serves meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import threading
import time
from collections.abc import Iterator

from bench.bakery import version_1, wanted_machine
from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.model.machine import Phase

LOOKS = 20
LOOK_EVERY_S = 2.0
"""Time enough for the machine to make ready what it will be asked next."""
CHECK_EVERY_S = 30.0
"""How often the daemon looks at each machine."""
PAIRS = 6
START_LIMIT_S = 120.0
SETTLED_S = 3.0


@benchmark("drift.machine_s", unit="s", limit=0.1)
def machine_s(ground: Ground) -> Figure:
    """Seconds that a full look at a serving machine takes: its process, its image's files, and all that it tells."""
    with _served(ground) as (engine, name):
        engine.attest(name)  # the first reads the image's files once
        samples = []
        for _ in range(ground.runs(LOOKS)):
            time.sleep(LOOK_EVERY_S)
            evidence = engine.attest(name)
            if evidence.inside is None or evidence.opened:
                raise RuntimeError(f"the machine is not well: {evidence.silence} {evidence.opened}")
            samples.append(evidence.seconds)
            say(f"{evidence.seconds:.3f} s")
        accelerator = engine.accelerator.name
    return Figure(samples, f"systemd and NGINX, 1 processor, {accelerator}; the machine's answer comes from its keeper")


@benchmark("attest.slowdown", unit="ratio", at_least=0.97)
def slowdown(ground: Ground) -> Figure:
    """Requests a second of a machine that is looked at once a check interval, over those while nobody looks, pair by pair."""
    with _served(ground) as (engine, name):
        address = next(iter(engine.list_machines("bench"))).addresses[80]
        engine.attest(name)
        _requests_a_second(address, SETTLED_S)
        pairs = []
        for number in range(ground.runs(PAIRS)):
            ways = [True, False] if number % 2 else [False, True]
            rates = {looked: _rate(engine, name, address, looked=looked) for looked in ways}
            say(f"{rates[True]:.0f} a second while looked at, {rates[False]:.0f} otherwise")
            pairs.append((rates[True], rates[False]))
    alone = statistics.median(rate for _, rate in pairs)
    detail = f"one look in {CHECK_EVERY_S:g} s, one connection (peer: requests a second while nobody looks)"
    return Figure([looked / left for looked, left in pairs], detail, peer=alone)


def _rate(engine: QemuEngine, name: str, address: str, *, looked: bool) -> float:
    """Requests a second over one check interval, in whose middle somebody looks or doesn't."""
    look = threading.Timer(CHECK_EVERY_S / 2, engine.attest, (name,))
    if looked:
        look.start()
    try:
        return _requests_a_second(address, CHECK_EVERY_S)
    finally:
        look.cancel()
        if looked:
            look.join()


def _requests_a_second(address: str, seconds: float) -> float:
    host, _, port = address.rpartition(":")
    connection, answered = http.client.HTTPConnection(host, int(port), timeout=10), 0
    began = time.monotonic()
    with contextlib.closing(connection):
        while time.monotonic() - began < seconds:
            connection.request("GET", "/version")
            answer = connection.getresponse()
            if answer.read() and answer.status == 200:
                answered += 1
        return answered / (time.monotonic() - began)


@contextlib.contextmanager
def _served(ground: Ground) -> Iterator[tuple[QemuEngine, str]]:
    """A machine that serves, gone afterwards."""
    artifact = version_1(ground)
    engine, wanted = QemuEngine(ground.home, SystemClock()), wanted_machine(artifact)
    try:
        engine.publish_image(artifact)
        engine.create_machine(wanted)
        until = time.monotonic() + START_LIMIT_S
        while engine.list_machines("bench")[0].phase is not Phase.SERVING:
            if time.monotonic() > until:
                raise RuntimeError("the machine doesn't get as far as SERVING")
            time.sleep(0.1)
        time.sleep(SETTLED_S)
        yield engine, wanted.name
    finally:
        engine.delete_machine(wanted.name)
        engine.close()
