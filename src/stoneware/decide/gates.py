"""Which gates hold before images come to an environment: what is declared and what was found in, a verdict with numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stoneware.decide.freeze import frozen
from stoneware.model.drift import DriftReport, Severity
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.probe import HttpProbe
from stoneware.model.promotion import FORCIBLE, Gate, GateName
from stoneware.model.promotion_spec import PromotionSpec, PromotionTest
from stoneware.model.quantity import counted, format_moment, format_time
from stoneware.model.release import Release

MOST_SHOWN = 3


@dataclass(frozen=True)
class Answered:
    """What a machine said to a test."""

    test: PromotionTest
    machine: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Findings:
    """What is known of the environment that images come from: `since` when they have run there (None: nobody knows), `drift` what
    a look found that began at `asked_at`, `busy` the operation that is under way, `answers` what machines said."""

    source: str
    asked_at: float
    since: float | None = None
    drift: DriftReport | None = None
    busy: str = ""
    answers: Sequence[Answered] = ()


def judge(spec: PromotionSpec, found: Findings, now: float, forced: Sequence[GateName] = ()) -> tuple[Gate, ...]:
    """Every declared gate as it is now."""
    return tuple(
        gate.model_copy(update={"forced": not gate.holds and gate.gate in forced and gate.gate in FORCIBLE})
        for gate in _each(spec, found, now)
    )


def judge_freeze(spec: PromotionSpec, now: float, forced: Sequence[GateName] = ()) -> Gate | None:
    """The freeze alone, which holds for every deploy into the environment; None when it is not frozen."""
    gate = _freeze(spec, now)
    return None if gate.holds else gate.model_copy(update={"forced": GateName.FREEZE in forced})


def _each(spec: PromotionSpec, found: Findings, now: float) -> Iterator[Gate]:
    if spec.soak:
        yield _soak(spec.soak, found, now)
    if spec.drift_free:
        yield _drift(found)
    if spec.test:
        yield _tests(spec, found)
    if spec.freeze:
        yield _freeze(spec, now)
    if spec.approval:
        says = f"somebody with role {spec.approval} has to agree within {format_time(spec.approve_within)}"
        yield Gate(gate=GateName.APPROVAL, holds=False, says=says)


def _soak(soak_s: float, found: Findings, now: float) -> Gate:
    ran_s = now - found.since if found.since is not None else 0.0
    whole = f"of {format_time(soak_s)} in {found.source}"
    if ran_s >= soak_s:
        return Gate(gate=GateName.SOAK, holds=True, says=f"{_rough(ran_s)} {whole}")
    says = f"{_rough(max(0.0, ran_s))} {whole}: {_rough(soak_s - max(0.0, ran_s))} to go"
    return Gate(gate=GateName.SOAK, holds=False, says=says)


def _rough(seconds: float) -> str:
    """A time to the second, as people say it: `59m 12s`."""
    rest, parts = int(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts[:2]) or "0s"


def _drift(found: Findings) -> Gate:
    report = found.drift
    if report is None or report.checked_at is None or report.checked_at < found.asked_at:
        because = f": {'; '.join(report.notes)}" if report and report.notes else ""
        return Gate(gate=GateName.DRIFT, holds=False, says=f"nobody can look at {found.source} now{because}")
    if found.busy:
        return Gate(gate=GateName.DRIFT, holds=False, says=f"{found.busy} is under way in {found.source}")
    if not report.whole:
        says = f"a part of {found.source} could not be looked at: {'; '.join(report.notes)}"
        return Gate(gate=GateName.DRIFT, holds=False, says=says)
    counting = [one for one in report.drifts if one.counts and one.severity is not Severity.INFO]
    if not counting:
        return Gate(gate=GateName.DRIFT, holds=True, says=f"{found.source} is as declared")
    told = [f"{one.kind} {one.subject} (expected {one.expected}, found {one.found})" for one in counting[:MOST_SHOWN]]
    says = f"{counted(len(counting), 'difference')} in {found.source}: {'; '.join(told)}"
    return Gate(gate=GateName.DRIFT, holds=False, says=says)


def _tests(spec: PromotionSpec, found: Findings) -> Gate:
    """A group that nobody of answered is not tested. A test about a group that the deployment hasn't is another one's."""
    failed = [one for one in found.answers if not one.ok]
    if not failed:
        few = f"{counted(len(found.answers), 'answer')} to {counted(len(spec.test), 'test')}"
        return Gate(gate=GateName.TEST, holds=True, says=f"{few} from {found.source} as expected")
    told = [f"{_asked(one.test)} of {one.machine}: {one.detail}" for one in failed[:MOST_SHOWN]]
    says = f"{len(failed)} of {len(found.answers)} answers from {found.source} aren't as expected: {'; '.join(told)}"
    return Gate(gate=GateName.TEST, holds=False, says=says)


def _asked(test: PromotionTest) -> str:
    probe = test.probe
    return f"GET :{probe.port}{probe.path}" if isinstance(probe, HttpProbe) else f"connecting to :{probe.port}"


def _freeze(spec: PromotionSpec, now: float) -> Gate:
    found = frozen(spec.freeze, now)
    if found is None:
        return Gate(gate=GateName.FREEZE, holds=True, says="no freeze now")
    end = f"until {format_moment(found.until)}" if found.until is not None else "with no end in sight"
    return Gate(gate=GateName.FREEZE, holds=False, says=f"frozen {end}: {found.reason}")


def running_since(
    digests: Mapping[str, str], ended: Sequence[OperationRecord], releases: Mapping[int, Release]
) -> float | None:
    """Since when an environment has run just these digests (by group), from its ended operations, newest first.

    A release that only changes configuration, or a repair, doesn't begin a new time; a version that was there between does.
    """
    since: float | None = None
    for one in ended:
        if one.kind == "teardown" and one.result is Result.SUCCEEDED:
            return since
        if one.kind == "rollout" and one.result is Result.STUCK:
            return since
        if one.kind != "rollout" or one.result is not Result.SUCCEEDED:
            continue
        release = releases.get(int(one.frame["target"]))
        if release is None or release.digests != dict(digests):
            return since
        since = one.ended_at
    return since
