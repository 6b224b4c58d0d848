"""Asking a release's machines how they are, and remembering the answers in the frame."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from stoneware.decide.health import is_down, is_up, judge_health, proven
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.machine import Machine, Power
from stoneware.model.probe import Answer
from stoneware.model.release import Release
from stoneware.operations.platform import Platform
from stoneware.operations.rollout.stage import Stage, names_of

MOST_AT_ONCE = 16


def ask(stage: Stage, release: Release, groups: Iterable[str], *, at_least_every: float | None = None) -> float:
    """Probes the machines of some groups whose turn it is, in parallel. Returns the seconds until the next turn.

    `at_least_every` shortens the declared interval (seconds), for the moments in which requests wait.
    """
    health, now, due, soonest = dict(stage.frame.health), stage.ctx.now, [], 1.0
    for group in groups:
        spec = release.groups[group].spec.health
        interval = min(spec.interval, at_least_every or spec.interval)
        soonest = min(soonest, interval)
        for name in names_of(release, [group]):
            before = health.get(name, Health())
            if now - before.asked_at >= interval * 0.95 or now < before.asked_at:
                due.append((name, spec))
    with ThreadPoolExecutor(max_workers=max(1, min(MOST_AT_ONCE, len(due)))) as pool:
        answers = list(pool.map(lambda one: _answer(stage.platform, stage.machines.get(one[0]), one[1]), due))
    for (name, spec), answer in zip(due, answers, strict=True):
        health[name] = judge_health(health.get(name, Health()), answer, now, spec)
    stage.remember(health=health)
    return soonest


def not_proven(stage: Stage, release: Release, groups: Iterable[str]) -> list[str]:
    """Machines that are not healthy now and continuously for their whole window."""
    return _those(stage, release, groups, lambda health, spec: not proven(health, stage.ctx.now, spec))


def not_up(stage: Stage, release: Release, groups: Iterable[str]) -> list[str]:
    """Machines that are not healthy now."""
    return _those(stage, release, groups, lambda health, spec: not is_up(health, spec))


def sick(stage: Stage, release: Release, groups: Iterable[str]) -> list[str]:
    """Machines that are beyond tolerance."""
    return _those(stage, release, groups, lambda health, _: is_down(health))


def words(stage: Stage, names: Iterable[str]) -> str:
    """The last answer of a few machines, for a sentence."""
    return "; ".join(f"{name}: {stage.frame.health.get(name, Health()).detail}" for name in sorted(names)[:3])


def _those(stage, release, groups, wrong) -> list[str]:  # type: ignore[no-untyped-def]
    return [
        name
        for group in groups
        for name in names_of(release, [group])
        if wrong(stage.frame.health.get(name, Health()), release.groups[group].spec.health)
    ]


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
