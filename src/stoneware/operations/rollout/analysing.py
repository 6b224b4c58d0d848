"""Judging a new version while it has traffic: what is measured from the beginning of a step, and what it adds up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stoneware.decide.analysis import Sides, judge_errors, judge_latency, judge_probes, together
from stoneware.model.machine import Power
from stoneware.model.measure import Counters
from stoneware.model.strategy import Check, Judgement, ProbeCheck, Verdict
from stoneware.operations.rollout import routes
from stoneware.operations.rollout.elsewhere import Elsewhere
from stoneware.operations.rollout.stage import Stage, names_of

PROBE_EVERY_S = 0.95
ELSEWHERE_EVERY_S = 5.0
NEW, OLD = "new", "old"


def begin(stage: Stage, groups: Iterable[str]) -> None:
    """From now on, everything counts. What was before is kept a machine: while versions take turns, machines leave."""
    measured = {name: c for group in groups for side in (NEW, OLD) for name, c in _now(stage, group, side).items()}
    stage.remember(counting=True, measured=measured, probed={}, said={}, said_at=0.0)


@dataclass(frozen=True)
class Look:
    """One look at the figures. `compares`: the old version has traffic too. `at_end`: the step's time is over, so commands are run;
    `asks`: it is time to ask others, once more if they were in doubt."""

    stage: Stage
    elsewhere: Elsewhere
    compares: bool
    at_end: bool
    asks: bool


def judge(stage: Stage, groups: Iterable[str], elsewhere: Elsewhere, *, compares: bool, at_end: bool) -> Judgement:
    """The verdict of all groups that have an analysis; see `Look` for the rest."""
    now, before = stage.ctx.now, stage.frame.said_at
    look = Look(stage, elsewhere, compares, at_end, asks=not 0 <= now - before < ELSEWHERE_EVERY_S)
    found = []
    for group in groups:
        analysis = stage.target.groups[group].spec.rollout.analysis
        for number, check in enumerate(analysis.checks if analysis else ()):
            found.append(_one(look, group, f"{group}:{number}", check))
    if look.asks:
        stage.remember(said_at=now)
    return together(found) if found else Judgement(verdict=Verdict.PASS, detail="nothing to judge by")


def judge_turns(stage: Stage, elsewhere: Elsewhere) -> Judgement:
    """The verdict while machines take turns, of the groups of which a new machine has traffic. A doubt is none of a turn's: the
    whole fleet is judged in the end."""
    groups = [g for g in stage.rolling if set(names_of(stage.target, [g])) & set(stage.frame.admitted)]
    if not stage.frame.counting:
        begin(stage, stage.rolling)
    return judge(stage, groups, elsewhere, compares=True, at_end=False)


def replaced(stage: Stage) -> list[str]:
    """Groups whose new version is judged after the switch. A rollback leads to what was good."""
    return [] if stage.frame.rollback else [g for g, new in stage.target.groups.items() if new in stage.changing]


def extension_s(stage: Stage, groups: Iterable[str]) -> float:
    """How long a doubt may last (seconds)."""
    analyses = [stage.target.groups[group].spec.rollout.analysis for group in groups]
    return max((analysis.extend for analysis in analyses if analysis), default=0.0)


def _one(look: Look, group: str, key: str, check: Check) -> Judgement:
    stage = look.stage
    if check.probe:
        return _probe(stage, group, key, check.probe)
    if check.errors or check.latency:
        return _counted(look, group, check)
    said = stage.frame.said.get(key)
    if check.prometheus and (look.asks or said is None):
        said = look.elsewhere.value(check.prometheus)
    doubtful = said is None or (said.verdict is Verdict.INCONCLUSIVE and look.asks)
    if check.run and look.at_end and doubtful:
        said = look.elsewhere.word(check.run, _environment(stage))
    if said is None:
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail="a command is asked at the end")
    stage.remember(said={**stage.frame.said, key: said})
    return said


def _counted(look: Look, group: str, check: Check) -> Judgement:
    """What the proxy counted. Without an old version to compare with, only the absolute limit is asked for."""
    stage, samples = look.stage, _samples(look.stage, group)
    sides = Sides(new=_since(stage, group, NEW), old=_since(stage, group, OLD))
    errors, latency = check.errors, check.latency
    if not look.compares:
        errors = errors.model_copy(update={"more": None}) if errors and errors.most is not None else None
        latency = latency.model_copy(update={"times": None}) if latency and latency.most is not None else None
    if errors:
        return judge_errors(errors, sides, samples)
    return judge_latency(latency, sides, samples) if latency else _nothing_to_compare()


def _nothing_to_compare() -> Judgement:
    return Judgement(verdict=Verdict.PASS, detail="the old version has no traffic to compare with")


def _probe(stage: Stage, group: str, key: str, check: ProbeCheck) -> Judgement:
    asked, failed, at, detail = stage.frame.probed.get(key, (0, 0, 0.0, ""))
    if stage.ctx.now - at >= PROBE_EVERY_S or stage.ctx.now < at:
        probe = check.http or check.tcp
        in_traffic = stage.frame.admitted if group in stage.rolling else names_of(stage.target, [group])
        for name in (name for name in names_of(stage.target, [group]) if name in in_traffic):
            machine = stage.machines.get(name)
            address = (
                machine.addresses.get(probe.port) if machine and machine.power is Power.RUNNING and probe else None
            )
            if probe is None or address is None:
                continue
            answer = stage.platform.ask(probe, address, stage.target.groups[group].spec.health.timeout)
            asked, failed = asked + 1, failed + (not answer.ok)
            detail = detail if answer.ok else f"{name}: {answer.detail}"
        stage.remember(probed={**stage.frame.probed, key: (asked, failed, stage.ctx.now, detail)})
    return judge_probes(asked, failed, check.failed, _samples(stage, group), detail)


def _samples(stage: Stage, group: str) -> int:
    analysis = stage.target.groups[group].spec.rollout.analysis
    return analysis.samples if analysis else 1


def _since(stage: Stage, group: str, side: str) -> Counters:
    """What the machines of one side that are there have answered since it counts, all together."""
    total = Counters()
    for name, counted in _now(stage, group, side).items():
        total = total.plus(counted.since(stage.frame.measured.get(name, Counters())))
    return total


def _now(stage: Stage, group: str, side: str) -> dict[str, Counters]:
    """What each machine on one side of a group has answered until now, in all services that lead to it. The old side is the
    baseline, if any."""
    names = set(names_of(stage.target, [group]))
    if side == OLD:
        baseline = [machine.name for machine in stage.baselines if machine.group == group]
        names = set(baseline or (names_of(stage.source, [group]) if stage.source else []))
    found: dict[str, Counters] = {}
    for service, entry in stage.target.spec.services.items():
        if entry.group == group:
            for name, counted in routes.counters(stage, service).items():
                if name in names:
                    found[name] = found.get(name, Counters()).plus(counted)
    return found


def _environment(stage: Stage) -> dict[str, str]:
    step = stage.canary_step
    return {
        "STONEWARE_DEPLOYMENT": stage.target.deployment,
        "STONEWARE_RELEASE": str(stage.target.number),
        "STONEWARE_SHARE": str(step.share if step else 100),
    }
