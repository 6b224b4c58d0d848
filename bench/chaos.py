"""Rollouts under load while something is killed at a random moment: each has a defined end, and no acknowledged write is lost.

A round fails when its rollout doesn't end (well, or back where it was), or when the service doesn't answer afterwards. Requests
that die with the proxy or machine that had them are no failure of the round: they weren't acknowledged.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from http.client import HTTPException

from demo.load import Load, Tally
from demo.stage import Failed, Stage
from demo.story import critters

from bench.ground import Ground, say
from bench.havoc import KILLS, left_behind
from bench.registry import Figure, benchmark
from bench.town import open_town

SEED = 20261124
CONTAINER_ROUNDS = 20
MACHINE_ROUNDS = 3
LONGEST_DELAY_S = {"container": 14.0, "qemu": 40.0}
LIMIT_S = 240.0
QUIET_S = {"container": 60.0, "qemu": 300.0}
"""How long a repair may take, in software emulation, too."""
GOOD = ("SUCCEEDED", "REVERTED")


@dataclass
class Havoc:
    """What came of all rounds. `bad` has a line for each round that failed."""

    rounds: int = 0
    bad: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    written: int = 0
    ends: list[str] = field(default_factory=list)


@benchmark("chaos.rounds", unit="rounds", at_least=20)
def rounds(ground: Ground) -> Figure:
    """Rounds on containers and on virtual machines together."""
    both = _both(ground)
    return Figure([one.rounds for one in both], _detail(both), counted=True)


@benchmark("chaos.failed", unit="rounds", limit=0)
def failed(ground: Ground) -> Figure:
    """Rounds without a defined end."""
    both = _both(ground)
    return Figure([len(one.bad) for one in both], "; ".join(line for one in both for line in one.bad), counted=True)


@benchmark("chaos.lost_writes", unit="writes", limit=0)
def lost_writes(ground: Ground) -> Figure:
    """Writes that were acknowledged and stand on no disk in the end."""
    both = _both(ground)
    detail = f"of {sum(one.written for one in both)} that were acknowledged"
    return Figure([len(one.lost) for one in both], detail, counted=True)


@benchmark("chaos.orphans", unit="things", limit=0)
def orphans(ground: Ground) -> Figure:
    """What runs in the end and shouldn't, or should and doesn't."""
    both = _both(ground)
    return Figure([len(one.orphans) for one in both], ", ".join(o for one in both for o in one.orphans), counted=True)


def _both(ground: Ground) -> list[Havoc]:
    wanted = (("container", CONTAINER_ROUNDS), ("qemu", MACHINE_ROUNDS))
    return [
        ground.once(f"chaos on {engine}", lambda engine=engine, count=count: _wreak(ground, engine, ground.runs(count)))
        for engine, count in wanted
    ]


def _detail(both: list[Havoc]) -> str:
    return f"seed {SEED}; {'; '.join(line for one in both for line in one.ends)}"


def _wreak(ground: Ground, engine: str, count: int) -> Havoc:
    found, dice = Havoc(), random.Random(SEED)  # noqa: S311 - dice, no secret
    with open_town(ground, engine) as (stage, address):
        load = Load(address, readers=2, rate=5.0)
        load.start()
        try:
            for number in range(count):
                _round(stage, dice, number, found)
        finally:
            tally = load.stop()
        _settle(stage)
        found.written = len(tally.stored)
        found.lost = _lost(stage, tally)
        found.orphans = left_behind(stage)
    return found


def _round(stage: Stage, dice: random.Random, number: int, found: Havoc) -> None:
    """One rollout, one kill. The strategies take turns."""
    found.rounds += 1
    _declare(stage, f"round {number}", "recreate" if number % 4 == 3 else "blue_green")
    kill, delay_s = dice.choice(KILLS), dice.uniform(0, LONGEST_DELAY_S[stage.engine])
    try:
        stage.run("deploy", "--yes", "--no-wait", echo=False)
    except Failed as refused:  # that is this round's end; the others are played, and counted
        found.bad.append(f"{number}: {refused}")
        return
    time.sleep(delay_s)
    victim = kill(stage, dice)
    stage.run("serve", "--background", check=False, echo=False)  # where none runs any more
    end = _end(stage)
    line = f"{number}: {victim} after {delay_s:.1f} s: {end}"
    say(line)
    found.ends.append(line)
    if end not in GOOD or not _answers(stage):
        found.bad.append(line)


def _end(stage: Stage) -> str:
    """How the rollout ended, when whatever was repaired after it is over, too."""
    until, end = time.monotonic() + LIMIT_S, ""
    while time.monotonic() < until:
        known = stage.try_json("history", "--limit", "5") or []
        rollouts = [one for one in known if one["kind"] == "rollout" and one["actor"] != "stoneware"]
        if rollouts and rollouts[0]["result"] and all(one["result"] for one in known):
            end = str(rollouts[0]["result"])
            break
        time.sleep(0.5)
    return end or "it doesn't end"


def _answers(stage: Stage) -> bool:
    until = time.monotonic() + QUIET_S[stage.engine]
    while time.monotonic() < until:
        try:
            return bool(critters(stage) is not None)
        except (Failed, OSError, HTTPException):
            time.sleep(0.5)
    return False


def _settle(stage: Stage) -> None:
    """Until nothing is missing any more, or for so long that it counts."""
    until = time.monotonic() + QUIET_S[stage.engine]
    while left_behind(stage) and time.monotonic() < until:
        time.sleep(1)


def _lost(stage: Stage, tally: Tally) -> list[str]:
    if not _answers(stage):
        raise RuntimeError("the machines that have the writes don't answer")
    return sorted(set(tally.stored) - set(critters(stage)))


def _declare(stage: Stage, motto: str, strategy: str) -> None:
    declared = stage.repository / "stoneware.yaml"
    lines = declared.read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith("strategy:")]
    for i, line in enumerate(kept):
        if "MOTD:" in line:
            kept[i] = f'        config: {{ MOTD: "{motto}" }}'
        if line.strip().startswith("bake_time:"):
            kept[i] = f"          bake_time: 2s\n          strategy: {strategy}"
    declared.write_text("\n".join(kept) + "\n")
