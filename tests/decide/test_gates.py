"""Gates between environments: facts in, verdicts with numbers out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.releases import group, release, spec

from stoneware.cli.options import GATES
from stoneware.decide.gates import Answered, Findings, judge, judge_freeze, running_since
from stoneware.model.drift import Drift, DriftReport, Severity, View
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.promotion import FORCIBLE, Gate, GateName
from stoneware.model.promotion_spec import PromotionSpec

NOW = 1_700_000_000.0


def gates(**given: Any) -> PromotionSpec:
    return PromotionSpec.model_validate({"after": "staging", **given})


def found(**given: Any) -> Findings:
    return Findings(source="town-staging", asked_at=NOW, **given)


def only(declared: PromotionSpec, facts: Findings, *forced: GateName) -> Gate:
    [one] = judge(declared, facts, NOW, forced)
    return one


def report(*drifts: Drift, checked_at: float | None = NOW, notes: tuple[str, ...] = ()) -> DriftReport:
    return DriftReport(deployment="town-staging", release=1, checked_at=checked_at, drifts=drifts, notes=notes)


def drift(severity: Severity, **given: Any) -> Drift:
    facts = {
        "deployment": "town-staging",
        "subject": "web-0",
        "expected": "a",
        "found": "b",
        "since": NOW,
        "remedy": "",
    }
    return Drift.model_validate({"kind": "inside.port", "view": View.INSIDE, "severity": severity, **facts, **given})


def test_what_could_not_all_be_looked_at_is_not_as_declared() -> None:
    partly = report(notes=("the engine doesn't answer",)).model_copy(update={"whole": False})
    gate = only(gates(drift_free=True), found(drift=partly))
    assert (gate.holds, gate.says) == (
        False,
        "a part of town-staging could not be looked at: the engine doesn't answer",
    )


def test_the_words_of_the_command_line_are_those_of_the_model() -> None:
    assert tuple(FORCIBLE) == GATES


def test_without_gates_nothing_is_asked() -> None:
    assert judge(gates(), found(), NOW) == ()


@pytest.mark.parametrize(
    ("ran_s", "holds", "says"),
    [
        (None, False, "0s of 1h in town-staging: 1h to go"),
        (0.0, False, "0s of 1h in town-staging: 1h to go"),
        (3599.0, False, "59m 59s of 1h in town-staging: 1s to go"),
        (3600.0, True, "1h of 1h in town-staging"),
        (200_000.0, True, "2d 7h of 1h in town-staging"),
        (-5.0, False, "0s of 1h in town-staging: 1h to go"),
    ],
)
def test_soak(ran_s: float | None, holds: bool, says: str) -> None:
    one = only(gates(soak="1h"), found(since=None if ran_s is None else NOW - ran_s))
    assert (one.gate, one.holds, one.says) == (GateName.SOAK, holds, says)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"drift": report()}, ""),
        ({"drift": report(drift(Severity.INFO))}, ""),
        ({"drift": report(drift(Severity.CRITICAL, policy="ignore"))}, ""),
        (
            {"drift": report(drift(Severity.WARNING))},
            "1 difference in town-staging: inside.port web-0 (expected a, found b)",
        ),
        ({"drift": report(), "busy": "rollout-7"}, "rollout-7 is under way in town-staging"),
        ({"drift": None}, "nobody can look at town-staging now"),
        ({"drift": report(checked_at=None)}, "nobody can look at town-staging now"),
        ({"drift": report(checked_at=NOW - 1, notes=("away",))}, "nobody can look at town-staging now: away"),
    ],
)
def test_drift(facts: dict[str, Any], says: str) -> None:
    one = only(gates(drift_free=True), found(**facts))
    assert (one.holds, one.says) == (not says, says or "town-staging is as declared")


def test_answers_of_machines() -> None:
    declared = gates(test=[{"group": "web", "tcp": {"port": 80}}])
    good, bad = (Answered(declared.test[0], "web-0", ok, "nobody answers") for ok in (True, False))
    assert only(declared, found(answers=(good,))).holds
    one = only(declared, found(answers=(good, bad)))
    assert not one.holds
    assert one.says.endswith(
        "1 of 2 answers from town-staging aren't as expected: connecting to :80 of web-0: nobody answers"
    )


def test_only_what_is_closed_is_forced_and_an_approval_never_is() -> None:
    assert only(gates(soak="1h"), found(), GateName.SOAK).opens
    assert not only(gates(soak="1h"), found(since=0.0), GateName.SOAK).forced
    assert not only(gates(soak="1h"), found(), GateName.DRIFT).opens
    assert not only(gates(approval="boss"), found(), GateName.APPROVAL).opens


def test_a_freeze_is_asked_of_deploys_too() -> None:
    declared = gates(freeze=[{"since": "2023-11-14", "until": "2023-11-14", "reason": "a fair"}])
    one = judge_freeze(declared, NOW)
    assert one is not None
    assert one.says == "frozen until 2023-11-15 00:00 UTC: a fair"
    assert judge_freeze(declared, NOW + 7200) is None


def ended(target: int, at: float, result: Result = Result.SUCCEEDED, kind: str = "rollout") -> OperationRecord:
    return OperationRecord.model_construct(kind=kind, result=result, ended_at=at, frame={"target": target})


WEB1, WEB1_AGAIN, WEB2 = (
    release(number, spec({"web": group()}), newest=newest) for number, newest in ((1, 1), (2, 1), (3, 2))
)
KNOWN = {1: WEB1, 2: WEB1_AGAIN, 3: WEB2}


@pytest.mark.parametrize(
    ("newest_first", "since"),
    [
        ([], None),
        ([ended(1, 10.0)], 10.0),
        ([ended(2, 20.0), ended(1, 10.0)], 10.0),
        ([ended(1, 30.0), ended(3, 20.0), ended(1, 10.0)], 30.0),
        ([ended(3, 30.0, Result.REVERTED), ended(1, 10.0)], 10.0),
        ([ended(3, 30.0, Result.STUCK), ended(1, 10.0)], None),
        ([ended(1, 30.0), ended(0, 20.0, kind="teardown"), ended(1, 10.0)], 30.0),
        ([ended(1, 30.0), ended(9, 20.0), ended(1, 10.0)], 30.0),
        ([ended(0, 40.0, kind="snapshot"), ended(1, 30.0)], 30.0),
    ],
)
def test_since_when_an_image_has_run(newest_first: list[OperationRecord], since: float | None) -> None:
    assert running_since(WEB1.digests, newest_first, KNOWN) == since


@given(st.lists(st.sampled_from([1, 2, 3]), max_size=8))
def test_an_image_has_run_since_the_last_other_one(targets: list[int]) -> None:
    newest_first = [ended(target, float(100 - age)) for age, target in enumerate(targets)]
    since = running_since(WEB1.digests, newest_first, KNOWN)
    others = [one.ended_at for one in newest_first if one.frame["target"] == 3]
    mine = [one.ended_at for one in newest_first if one.frame["target"] != 3]
    after = [at for at in mine if not others or (at or 0) > (max(others) or 0)]
    assert since == (min(after) if after else None)
