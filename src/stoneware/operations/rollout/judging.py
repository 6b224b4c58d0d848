"""Asking machines how they are, and remembering the answers in the frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from stoneware.decide.health import is_down, is_up, judge_health, proven
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.probe import Answer
from stoneware.operations.platform import Platform
from stoneware.operations.rollout.stage import Stage, names_of

MOST_AT_ONCE = 16


def ask(stage: Stage, people: Mapping[str, HealthSpec], *, at_least_every: float | None = None) -> float:
    """Probes the machines whose turn it is, in parallel. Returns the seconds until the next turn.

    `at_least_every` shortens the declared interval (seconds), for the moments in which requests wait.
    """
    health, now, due, soonest = dict(stage.frame.health), stage.ctx.now, [], 1.0
    for name, spec in people.items():
        interval = min(spec.interval, at_least_every or spec.interval)
        soonest = min(soonest, interval)
        before = health.get(name, Health())
        turn = now - before.asked_at >= interval * 0.95 or now < before.asked_at
        if turn and stage.frame.judges(name):
            due.append((name, spec))
    with ThreadPoolExecutor(max_workers=max(1, min(MOST_AT_ONCE, len(due)))) as pool:
        answers = list(pool.map(lambda one: _answer(stage.platform, stage.machines.get(one[0]), one[1]), due))
    for (name, spec), answer in zip(due, answers, strict=True):
        health[name] = judge_health(health.get(name, Health()), answer, now, spec)
    stage.remember(health=health)
    return soonest


def not_proven(stage: Stage, people: Mapping[str, HealthSpec]) -> list[str]:
    """Machines that are not healthy now and continuously for their whole window."""
    return [name for name, spec in _judged(stage, people) if not proven(health_of(stage, name), stage.ctx.now, spec)]


def not_up(stage: Stage, people: Mapping[str, HealthSpec]) -> list[str]:
    """Machines that are not healthy now."""
    return [name for name, spec in _judged(stage, people) if not is_up(health_of(stage, name), spec)]


def sick(stage: Stage, people: Iterable[str]) -> list[str]:
    """Machines that are beyond tolerance. One that died is none where the rollout doesn't change its group (`tending.py`)."""
    dead = stage.not_in(names_of(stage.target, stage.bystanders), Phase.SERVING)
    return [
        name for name in people if stage.frame.judges(name) and name not in dead and is_down(health_of(stage, name))
    ]


def _judged(stage: Stage, people: Mapping[str, HealthSpec]) -> list[tuple[str, HealthSpec]]:
    """Those on whom the success depends."""
    return [(name, spec) for name, spec in people.items() if stage.frame.judges(name)]


def health_of(stage: Stage, name: str) -> Health:
    """What is known of a machine's health."""
    return stage.frame.health.get(name, Health())


def words(stage: Stage, names: Iterable[str]) -> str:
    """The last answer of a few machines, for a sentence."""
    return "; ".join(f"{name}: {stage.frame.health.get(name, Health()).detail}" for name in sorted(names)[:3])


def _answer(platform: Platform, machine: Machine | None, spec: HealthSpec) -> Answer:
    probe = spec.http or spec.tcp
    if machine is None or probe is None:
        return Answer(ok=False, detail="the machine doesn't exist")
    if machine.power is not Power.RUNNING:
        return Answer(ok=False, detail=f"the machine is {machine.power}")
    address = machine.addresses.get(probe.port)
    if address is None:
        return Answer(ok=False, detail=f"port {probe.port} can't be reached from the host")
    return platform.ask(probe, address, spec.timeout)
