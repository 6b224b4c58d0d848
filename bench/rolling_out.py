"""What the control plane adds to a rollout: everything but the times that machines and declarations ask for.

`overhead = whole - boots - healthy_for - bake_time - drain - halts`, with

- whole: from the operation's row to its end, both as the store says;
- boots: from the call of the engine's create to SERVING, as the engine says when it is asked all the while; what two machines
  do at the same time counts once;
- healthy_for and bake_time: as declared, not a moment more, so that a health answer that came late is ours;
- drain: only while the journal says that old machines are answering their last requests;
- halts: from the call of the engine's stop to the end of the QEMU process, in which guests close their files and power off.

So these are ours: noticing that a machine serves, HAProxy's own checks and its confirmation, polling, every commit, noticing
that a machine has stopped, and the end. How long guests take to power off stands in the detail, for who counts it, too.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.bakery import version_1
from bench.ground import Ground, free_port, say
from bench.house import House, group_of_two, open_house
from bench.registry import Figure, benchmark
from bench.watched import covered_s
from stoneware.model.operation import JournalLine, OperationRecord

ROLLOUTS = 5
HEALTHY_FOR_S = 2.0
BAKE_TIME_S = 2.0
DRAINING = "the old machines are finishing"


@benchmark("rollout.overhead_s", unit="s", limit=1.0)
def overhead_s(ground: Ground) -> Figure:
    """Blue/green of a stateless group of two on real machines; another configuration each time makes new ones."""
    artifact, port = version_1(ground), free_port()
    with open_house(ground.home, artifact) as house:
        _play(house, "first", port)
        played = [_play(house, str(number), port) for number in range(ground.runs(ROLLOUTS))]
    whole_s, halts_s = statistics.median(p.whole_s for p in played), statistics.median(p.halts_s for p in played)
    detail = (
        f"of {whole_s:.1f} s in all (median), 2 machines; left out: boots, healthy_for {HEALTHY_FOR_S:g} s, bake_time "
        f"{BAKE_TIME_S:g} s, drain, and {halts_s:.1f} s (median) in which the old guests power off"
    )
    return Figure([p.overhead_s for p in played], detail)


@dataclass(frozen=True)
class Played:
    """A rollout that is over, in seconds. `states`: how long each lasted."""

    whole_s: float
    boots_s: float
    halts_s: float
    drain_s: float
    states: dict[str, float]

    @property
    def overhead_s(self) -> float:
        return self.whole_s - self.boots_s - self.halts_s - self.drain_s - HEALTHY_FOR_S - BAKE_TIME_S


def _play(house: House, motto: str, port: int) -> Played:
    spec = group_of_two(motto, port, healthy_for_s=HEALTHY_FOR_S, bake_time_s=BAKE_TIME_S)
    played = _account(house, house.roll_out(spec))
    parts = {"boots": played.boots_s, "halts": played.halts_s, "drain": played.drain_s, **played.states}
    told = ", ".join(f"{name.lower()} {seconds:.2f}" for name, seconds in parts.items())
    say(f"{played.overhead_s:.2f} s of {played.whole_s:.1f} s ({told})")
    return played


def _account(house: House, record: OperationRecord) -> Played:
    journal = house.store.operations.journal(record.id)
    ended = record.ended_at or record.created_at
    return Played(
        whole_s=ended - record.created_at,
        boots_s=covered_s(list(house.engine.boots.values())),
        halts_s=covered_s([(begin, min(end, ended)) for begin, end in house.engine.halts.values()]),
        drain_s=_drain_s(journal),
        states=_states(record, journal),
    )


def _states(record: OperationRecord, journal: Sequence[JournalLine]) -> dict[str, float]:
    """How long each state lasted: its last line is written when it is left."""
    spent: dict[str, float] = defaultdict(float)
    before = record.created_at
    for line in journal:
        spent[line.state] += line.at - before
        before = line.at
    return dict(spent)


def _drain_s(journal: Sequence[JournalLine]) -> float:
    """How long the operation waited for requests that were on their way. It doesn't say so when there were none."""
    lines = [line for line in journal if line.state == "DRAINING"]
    waiting = [line.at for line in lines if line.text.startswith(DRAINING)]
    return lines[-1].at - waiting[0] if waiting else 0.0
