"""How fast the way back is while the old fleet is warm: from the command to the last answer by the bad version."""

from __future__ import annotations

import http.client
import re
import threading
import time
from dataclasses import dataclass, field

from demo.stage import Stage

from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from bench.town import listen, open_town

RUNS = 5
CLIENTS = 2
LIMIT_S = 120.0


@dataclass
class Watcher:
    """Clients that ask for the version without a pause. `last` is when an answer of each version came last."""

    address: str
    last: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        while not self.over.is_set():
            connection.request("GET", "/version")
            response = connection.getresponse()
            version = response.read().decode().strip()
            if response.status == 200:
                self.last[version] = time.monotonic()
            else:
                self.failures.append(f"HTTP {response.status}")
            time.sleep(0.002)


@benchmark("rollback.warm_ms", unit="ms", limit=300)
def warm_ms(ground: Ground) -> Figure:
    """Containers without disks; `stoneware rollback` is typed while version 2 is watched."""
    with open_town(ground, "container") as (stage, address):
        _without_disks(stage, "1s")
        stage.run("destroy", "--yes", echo=False)
        stage.run("bake", echo=False)
        stage.run("deploy", "--yes", echo=False)
        stage.to_version_2()
        listen(stage, address)
        _without_disks(stage, "10m")
        stage.run("bake", echo=False)
        samples, failures = [], 0
        for _ in range(ground.runs(RUNS)):
            milliseconds, failed = _once(stage, address)
            say(f"{milliseconds:.0f} ms, {failed} failed")
            samples.append(milliseconds)
            failures += failed
    return Figure(samples, f"the command's own start is in it; {failures} requests failed")


def _once(stage: Stage, address: str) -> tuple[float, int]:
    stage.run("deploy", "--yes", "--no-wait", echo=False)
    _until(stage, lambda one: one["state"] == "SOAKING")
    watcher = Watcher(address)
    threads = [threading.Thread(target=watcher.ask, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    began = time.monotonic()
    stage.run("rollback", "critter-junction", "--yes", "--no-wait", "--reason", "measured", echo=False)
    _until(stage, lambda one: one["result"] == "REVERTED")
    watcher.over.set()
    for thread in threads:
        thread.join(30)
    return 1000 * (watcher.last["2"] - began), len(watcher.failures)


def _until(stage: Stage, good) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + LIMIT_S
    while not good(stage.json("history", "--limit", "1")[0]):
        if time.monotonic() > until:
            raise RuntimeError(f"still {stage.json('history', '--limit', '1')[0]}")
        time.sleep(0.2)


def _without_disks(stage: Stage, bake_time: str) -> None:
    """What the version answers needs no disk; the old fleet is warm for `bake_time`."""
    declared = stage.repository / "stoneware.yaml"
    lines = declared.read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith(("disks:", "worlds:"))]
    text = re.sub(r"bake_time: \w+", f"bake_time: {bake_time}", "\n".join(kept)) + "\n"
    text = text.replace("writable: [", "writable: [/var/lib/critter, ")
    declared.write_text(text)
