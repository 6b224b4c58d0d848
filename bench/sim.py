"""Simulated histories of the whole control plane: how many, how many violate an invariant, and how long they take.

The histories are those of `scripts/stoneware-sim`: a seed that is named in the detail plays again there.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass

from tests.simulation.many import play_all

from bench.ground import Ground, say
from bench.registry import Figure, benchmark

HISTORIES = 20_000
NAMED = 10


@dataclass(frozen=True)
class Played:
    """`broken` are the seeds of histories that violate an invariant, `ended` counts how operations ended."""

    histories: int
    broken: tuple[int, ...]
    ended: Counter[str]
    seconds: float

    @property
    def detail(self) -> str:
        ends = ", ".join(f"{count} {how}" for how, count in sorted(self.ended.items()))
        return (
            f"{self.histories} histories, seeds 0 to {self.histories - 1}, in {self.seconds:.0f} s; operations: {ends}"
        )


@benchmark("sim.scenarios", unit="histories", at_least=HISTORIES)
def scenarios(ground: Ground) -> Figure:
    """Each with its own declarations, releases, wishes and faults, from its seed."""
    played = _played(ground)
    return Figure([played.histories], played.detail)


@benchmark("sim.violations", unit="histories", limit=0)
def violations(ground: Ground) -> Figure:
    """Histories in which an invariant did not hold."""
    played = _played(ground)
    named = f"; seeds {', '.join(map(str, played.broken[:NAMED]))}" if played.broken else ""
    return Figure([len(played.broken)], played.detail + named, counted=True)


@benchmark("sim.history_ms", unit="ms")
def history_ms(ground: Ground) -> Figure:
    """Wall-clock time a history, with as many processes as there are cores."""
    played = _played(ground)
    return Figure([played.seconds / played.histories * 1000], f"{os.cpu_count()} processes; {played.detail}")


def _played(ground: Ground) -> Played:
    return ground.once("simulated histories", lambda: _play(ground.runs(HISTORIES)))


def _play(count: int) -> Played:
    began, broken, ended = time.monotonic(), [], Counter[str]()
    for number, history in enumerate(play_all(range(count), os.cpu_count() or 1), 1):
        ended.update(history.results)
        if history.violations:
            broken.append(history.scenario.seed)
            say(f"seed {history.scenario.seed}: {history.violations[0]}")
        if number % 1000 == 0:
            say(f"{number} histories in {time.monotonic() - began:.0f} s")
    return Played(count, tuple(broken), ended, time.monotonic() - began)
