"""`python -m bench.soak [--minutes N]`: a town runs in good health and is worked on all the while, and nobody may cry wolf.

Versions are baked and rolled out, disks handed over, canaries led through, configuration, secrets and sizes changed, releases
rolled back and rehearsed, the daemon started anew; between it all, nothing happens. Everybody looks for drift as often as can
be declared, and whatever begins to differ is a false alarm: nothing was done behind anybody's back. It takes an hour by itself,
so it is no part of `python -m bench`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from types import FrameType
from typing import Any

from demo.stage import Failed, Stage

from bench.ground import FOLDER, Busy, Ground, free_port, say
from bench.registry import Benchmark, Figure, line
from stoneware.client import Client
from stoneware.errors import StonewareError
from stoneware.host.home import Home

MINUTES = 60.0
LOOK_EVERY_S = 3.0
QUIET_SHARE = 0.28
"""Of the whole time, before anything is done."""
REST_S = 45.0
"""How long nothing is done between two rounds."""
TOWN, HUT = "critter-junction", "hut"
PAGE = 1000
DECLARED = """\
images:
  critter-web:
    containerfile: Containerfile
    deliver: [container, vm]
    writable: [/var/log/nginx, /var/lib/nginx]
    test:
      - http: {{ port: 80, path: /version, body: "{version}" }}
      - units: {{ failed: 0 }}
deployments:
  critter-junction:
    engine: container
    drift: {{ interval: 5s }}
    groups:
      web:
        image: critter-web
        size: 2
        machine: {{ cpus: 1, memory: 128MiB }}
        config: {{ MOTD: "{motd}" }}
        secrets: {{ PASSWORD: password }}
        disks:
          worlds: {{ size: 64MiB, mount: /var/lib/critter }}
        health: {{ http: {{ port: 80, path: /healthz }}, healthy_for: 1s }}
        rollout: {{ bake_time: 5s, drain: 5s, hold_limit: 2m }}
      front:
        image: critter-web
        size: {size}
        machine: {{ cpus: 1, memory: 128MiB }}
        config: {{ MOTD: "{motd}" }}
        health: {{ http: {{ port: 80, path: /version }}, healthy_for: 1s }}
        rollout: {{ {front}, bake_time: 2s, drain: 2s }}
    services:
      play: {{ group: web, port: 80, listen: "127.0.0.1:{ports[0]}" }}
      look: {{ group: front, port: 80, listen: "127.0.0.1:{ports[1]}" }}
  hut:
    engine: qemu
    drift: {{ interval: 5s }}
    groups:
      web:
        image: critter-web
        size: 1
        machine: {{ cpus: 1, memory: 256MiB }}
        disks:
          worlds: {{ size: 64MiB, mount: /var/lib/critter }}
        health: {{ http: {{ port: 80, path: /healthz }}, healthy_for: 2s }}
        rollout: {{ bake_time: 5s, drain: 5s, hold_limit: 2m }}
    services:
      play: {{ group: web, port: 80, listen: "127.0.0.1:{ports[2]}" }}
"""
CANARY = "strategy: canary, steps: [{ share: 30, duration: 4s }, { share: 60, duration: 4s }]"
ROLLING = "strategy: rolling, surge: 1"


@dataclass
class Life:
    """What is done to the town in so many minutes, a deed at a time. `failures` are commands that didn't end well."""

    stage: Stage
    ports: Sequence[int]
    minutes: float
    version: int = 1
    motd: str = "Be kind to critters"
    size: int = 2
    front: str = CANARY
    failures: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Two deployments that serve. Raises Failed."""
        self.stage.set()
        self.stage.run("serve", "--background", echo=False)
        self._secret(1)
        self._declare()
        for words in (["bake"], ["deploy", TOWN, "--yes"], ["deploy", HUT, "--yes"]):
            self.stage.run(*words, echo=False)

    def deeds(self) -> Iterator[Callable[[], None]]:
        """For ever; first, machines get older than whatever runs a quarter of an hour after a boot."""
        round_ = [self.new_version, self.rest, self.go_back, self.change_the_configuration, self.take_another_secret]
        round_ += [self.rest, self.grow, self.begin_anew, self.roll, self.rehearse, self.shrink, self.keep_house]
        round_ += [self.new_version_for_all, self.go_back_with_all, self.rest]
        return chain([self.live_on], cycle(round_))

    def new_version(self) -> None:
        self.version += 1
        self._declare()
        self._do("bake")
        self._do("deploy", TOWN, "--yes")

    def new_version_for_all(self) -> None:
        """The hut has a virtual machine, whose disk is handed over."""
        self.new_version()
        self._do("deploy", HUT, "--yes")

    def go_back(self) -> None:
        self._do("rollback", TOWN, "--yes", "--reason", "for practice")

    def go_back_with_all(self) -> None:
        self.go_back()
        self._do("rollback", HUT, "--yes", "--reason", "for practice")

    def change_the_configuration(self) -> None:
        self.motd = f"Be kind, at {time.strftime('%H:%M:%S')}"
        self._deploy()

    def take_another_secret(self) -> None:
        self._secret(time.time_ns())
        self._deploy()

    def grow(self) -> None:
        self.size = 3
        self._deploy()

    def shrink(self) -> None:
        self.size, self.front = 2, CANARY
        self._deploy()

    def roll(self) -> None:
        """The front's machines take turns instead."""
        self.front, self.motd = ROLLING, "Take turns"
        self._deploy()

    def rehearse(self) -> None:
        self._do("rehearse", "rollback", TOWN)

    def begin_anew(self) -> None:
        """Machines and proxies don't mind."""
        self._do("serve", "--stop")
        self._do("serve", "--background")

    def keep_house(self) -> None:
        """A copy of a disk in use, and a signature under the ledger."""
        self._do("disk", "snapshot", f"{TOWN}-web-worlds-0")
        self._do("ledger", "checkpoint")

    def live_on(self) -> None:
        time.sleep(self.minutes * 60 * QUIET_SHARE)

    def rest(self) -> None:
        """Nothing at all."""
        time.sleep(REST_S)

    def _deploy(self) -> None:
        self._declare()
        self._do("deploy", TOWN, "--yes")

    def _do(self, *words: str) -> None:
        began = time.monotonic()
        try:
            self.stage.run(*words, echo=False)
        except Failed as failed:
            self.failures.append(str(failed))
            say(f"{time.strftime('%T')} {failed}")
            return
        say(f"{time.strftime('%T')} stoneware {' '.join(words)} ({time.monotonic() - began:.0f} s)")

    def _secret(self, value: int) -> None:
        file = self.stage.folder / "password"
        file.write_text(f"otter-{value}")
        self._do("secret", "set", "password", "--file", str(file))

    def _declare(self) -> None:
        values = {"version": self.version, "motd": self.motd, "size": self.size, "front": self.front}
        (self.stage.repository / "stoneware.yaml").write_text(DECLARED.format(**values, ports=self.ports))
        (self.stage.repository / "www" / "version").write_text(f"{self.version}")


@dataclass(eq=False)
class Looker(threading.Thread):
    """Looks at every deployment, for as long as it isn't told to stop. A daemon that is away isn't asked."""

    home: Path
    looks: int = 0
    machines: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        while not self.stop.wait(LOOK_EVERY_S):
            for name in (TOWN, HUT):
                try:
                    with Client(Home(self.home).socket) as client:
                        report = client.post(f"/v1/deployments/{name}/drift", {}, limit_s=60.0)
                except (StonewareError, OSError):
                    continue
                self.looks += 1
                self.machines += report["machines"]


def entries(stage: Stage) -> list[dict[str, Any]]:
    """All of the ledger."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = stage.json("ledger", "show", "--after", str(after), "--limit", str(PAGE))
        found += page
        if len(page) < PAGE:
            return found


def alarms(ledger: Sequence[dict[str, Any]]) -> list[str]:
    """Each difference that counted, in words."""
    return [_alarm(one["at"], one["fact"]) for one in ledger if one["fact"]["verb"] == "drift.begin"]


def _alarm(at: float, fact: dict[str, Any]) -> str:
    details = fact["details"]
    words = [time.strftime("%T", time.localtime(at)), fact["subject"], *map(str, details.values())]
    return " ".join(words)


def ends(stage: Stage) -> dict[str, int]:
    """How often operations ended how, by kind and result; repairs apart, since nobody asks for them."""
    found: dict[str, int] = {}
    for one in stage.json("history", "--limit", str(PAGE)):
        kind = "repair" if one["actor"] == "stoneware" else one["kind"]
        found[f"{kind} {one['result']}"] = found.get(f"{kind} {one['result']}", 0) + 1
    return found


def soak(ground: Ground, minutes: float) -> list[dict[str, Any]]:
    """The lines that are printed. Raises Failed when the town doesn't come up, or its daemon doesn't answer in the end."""
    stage = ground.town("container")
    stage.home.mkdir(parents=True, mode=0o700)
    (stage.home / "build").symlink_to(ground.home.build)
    life, looker = Life(stage, [free_port() for _ in range(3)], minutes), Looker(stage.home)
    life.begin()
    looker.start()
    say("the town serves")
    began = time.monotonic()
    for deed in life.deeds():
        if time.monotonic() - began > minutes * 60:
            break
        deed()
    time.sleep(3 * LOOK_EVERY_S)
    looker.stop.set()
    looker.join()
    found, ended = alarms(entries(stage)), ends(stage)
    for one in (*found, *life.failures):
        say(one)
    rollouts = sum(number for end, number in ended.items() if end == "rollout SUCCEEDED")
    told = ", ".join(f"{number} {end}" for end, number in sorted(ended.items()))
    return [
        line(Benchmark("soak.minutes", "min", None, _never), Figure([(time.monotonic() - began) / 60], told)),
        line(
            Benchmark("soak.looks", "looks", None, _never),
            Figure([looker.looks], f"at {looker.machines} machines; the daemon's own, every 5 s, come on top"),
        ),
        line(Benchmark("soak.rollouts", "rollouts", None, _never), Figure([rollouts], "that went well")),
        line(
            Benchmark("soak.failed", "commands", 0, _never),
            Figure([len(life.failures)], "; ".join(life.failures) or "none", counted=True),
        ),
        line(
            Benchmark("drift.false_alarms", "alarms", 0, _never),
            Figure([len(found)], "; ".join(found) or "in good health, nothing differed", counted=True),
        ),
    ]


def _never(_: Ground) -> Figure:
    raise AssertionError("it is measured together with the others")


def main() -> int:
    """Exit code 0 when there was no alarm, and everything that was asked for went well."""
    words = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    words.add_argument("--minutes", type=float, default=MINUTES, help="for how long (default: 60)")
    words.add_argument("--folder", type=Path, default=FOLDER, help="where it plays (default: .bench)")
    given = words.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        ground = Ground(given.folder.resolve())
        with ground.open():
            found = soak(ground, given.minutes)
    except (Busy, Failed) as trouble:
        say(str(trouble))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started has ended")
        return 130
    for one in found:
        print(json.dumps(one), flush=True)
    return 0 if all(one["met"] is not False for one in found) else 1


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
