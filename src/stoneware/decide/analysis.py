"""What a new version's figures say: pass, fail, or not enough to know. One rule a kind of check, and one for all together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from stoneware.model.measure import Counters
from stoneware.model.strategy import ErrorsCheck, Judgement, LatencyCheck, PrometheusCheck, Verdict

MOST_DETAIL = 200
BROKEN_FAILURES = 10
"""With so many failed answers, and more than half of all, a version is plainly broken, however few answers there are."""


@dataclass(frozen=True)
class Sides:
    """What both versions did in the same time, as the proxy counted it. `old` is the baseline machine where there is one."""

    new: Counters
    old: Counters


def judge_errors(check: ErrorsCheck, sides: Sides, samples: int) -> Judgement:
    """A few answers say nothing, bad ones no more than good ones; but a version that is plainly broken isn't waited for."""
    new, old = sides.new, sides.old
    said = f"{new.failed} of {new.answers} answers failed"
    enough, old_enough = new.answers >= samples, check.more is None or old.answers >= samples
    broken = new.failed >= BROKEN_FAILURES and 2 * new.failed > new.answers
    if check.most is not None and (enough or broken) and 100 * new.failed > check.most * new.answers:
        return _fail(f"{said}, more than {check.most:g} %")
    if check.more is not None and ((enough and old_enough) or broken):
        worse = new.failed_percent - old.failed_percent
        if worse > check.more:
            return _fail(
                f"{said}, {worse:.2g} percent points more than of the old version ({check.more:g} are allowed)"
            )
    if not (enough and old_enough):
        return _too_few(sides, samples, compares=check.more is not None)
    return _pass(said)


def judge_latency(check: LatencyCheck, sides: Sides, samples: int) -> Judgement:
    """Quantiles are compared only when there are enough answers for them."""
    if sides.new.timed < samples or (check.times is not None and sides.old.timed < samples):
        return _too_few(sides, samples, compares=check.times is not None)
    new, old = sides.new.quantile_s(check.quantile), sides.old.quantile_s(check.quantile)
    if new is None:
        return _too_few(sides, samples, compares=False)
    said = f"{100 * check.quantile:g} % of the answers took at most {_time(new)}"
    if check.most is not None and new > check.most:
        return _fail(f"{said}, more than {_time(check.most)}")
    if check.times is not None and old is not None and new > check.times * old:
        return _fail(f"{said}, more than {check.times:g} times the {_time(old)} of the old version")
    return _pass(said)


def judge_probes(asked: int, failed: int, most_percent: float, samples: int, detail: str) -> Judgement:
    """Answers to questions that we sent ourselves: bad are those that no good ones up to `samples` could outweigh."""
    said = f"{failed} of {asked} probes failed" + (f": {detail}" if failed else "")
    if not asked:
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail="no probe was sent yet")
    over, broken = 100 * failed > most_percent * asked, failed >= BROKEN_FAILURES and 2 * failed > asked
    if over and (broken or 100 * failed > most_percent * max(asked, samples)):
        return _fail(said)
    if over:
        few = f"{said}; {asked} answers are too few to judge by ({samples} are needed)"
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail=few)
    return _pass(said)


def judge_value(check: PrometheusCheck, value: float | None) -> Judgement:
    """A number from elsewhere; None when there was none."""
    if value is None or math.isnan(value):
        return Judgement(verdict=Verdict.INCONCLUSIVE, detail=f"no value for {_short(check.query)}")
    said = f"{_short(check.query)} is {value:g}"
    if check.least is not None and value < check.least:
        return _fail(f"{said}, less than {check.least:g}")
    if check.most is not None and value > check.most:
        return _fail(f"{said}, more than {check.most:g}")
    return _pass(said)


def judge_command(status: int | None, tail: str) -> Judgement:
    """0 is pass, 1 fail; everything else (None: it didn't end in time, or couldn't be started) says nothing."""
    said = _short(tail.strip().splitlines()[-1]) if tail.strip() else ""
    if status in (0, 1):
        text = f"the command ended with {status}" + (f": {said}" if said else "")
        return _fail(text) if status else _pass(text)
    ended = "didn't end by itself" if status is None else f"ended with {status}"
    return Judgement(verdict=Verdict.INCONCLUSIVE, detail=f"the command {ended}" + (f": {said}" if said else ""))


def together(judgements: Iterable[Judgement]) -> Judgement:
    """One failure fails; else one doubt is a doubt. The sentence tells of those that decided."""
    all_of_them = list(judgements)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        those = [one.detail for one in all_of_them if one.verdict is verdict]
        if those:
            return Judgement(verdict=verdict, detail="; ".join(those))
    return _pass("; ".join(one.detail for one in all_of_them))


def _too_few(sides: Sides, samples: int, *, compares: bool) -> Judgement:
    old = f" and {sides.old.answers} of the old version" if compares else ""
    detail = f"{sides.new.answers} answers{old} are too few to judge by ({samples} are needed)"
    return Judgement(verdict=Verdict.INCONCLUSIVE, detail=detail)


def _fail(detail: str) -> Judgement:
    return Judgement(verdict=Verdict.FAIL, detail=detail)


def _pass(detail: str) -> Judgement:
    return Judgement(verdict=Verdict.PASS, detail=detail)


def _short(text: str) -> str:
    return text if len(text) <= MOST_DETAIL else f"{text[:MOST_DETAIL]}…"


def _time(seconds: float) -> str:
    if seconds == float("inf"):
        return "more than 10 s"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
