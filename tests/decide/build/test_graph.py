"""The order of steps: whatever graph comes, it is that of a reference which knows only the rule itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.decide.build.graph import MOST_AT_ONCE, passed, ready, verdict
from stoneware.model.build import BuildSpec, BuildStatus, BuildStep, StepRecord

P, W, S, F, T, C = (
    BuildStatus.PENDING,
    BuildStatus.WORKING,
    BuildStatus.SUCCESS,
    BuildStatus.FAILURE,
    BuildStatus.TIMEOUT,
    BuildStatus.CANCELLED,
)
ENDS = [S, S, S, S, F, T, C, BuildStatus.INTERNAL_ERROR]


def step(at: int, waits_for: tuple[int, ...] = (), **more: object) -> BuildStep:
    return BuildStep.model_validate({"id": f"s{at}", "image": "x", "waits_for": waits_for, **more})


def record(at: int, status: BuildStatus = P, **more: object) -> StepRecord:
    return StepRecord.model_validate({"id": f"s{at}", "name": "x", "status": status, **more})


@st.composite
def graphs(draw: st.DrawFn) -> BuildSpec:
    steps = []
    for at in range(draw(st.integers(1, 9))):
        waits = draw(st.sets(st.integers(0, at - 1))) if at else set()
        allow = draw(st.booleans())
        codes = draw(st.sets(st.integers(1, 3), max_size=2))
        steps.append(step(at, tuple(sorted(waits)), allow_failure=allow, allowed_codes=tuple(codes)))
    return BuildSpec(steps=tuple(steps))


def may_go_on(one: BuildStep, how: StepRecord) -> bool:
    """The rule, said once more in other words."""
    match how.status:
        case BuildStatus.SUCCESS:
            return True
        case BuildStatus.FAILURE if one.allowed_codes:
            return any(how.exit_code == code for code in one.allowed_codes)
        case BuildStatus.FAILURE | BuildStatus.TIMEOUT if not one.allowed_codes:
            return one.allow_failure
    return False


def reference(spec: BuildSpec, records: list[StepRecord]) -> list[int]:
    """The steps to start, by trying each against each."""
    for one, how in zip(spec.steps, records, strict=True):
        if how.status not in (P, W, BuildStatus.QUEUED) and not may_go_on(one, how):
            return []
    return [
        at
        for at in range(len(records))
        if records[at].status is P
        and not [need for need in spec.steps[at].waits_for if not may_go_on(spec.steps[need], records[need])]
    ]


@settings(max_examples=500, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_a_whole_build_goes_as_the_reference_says(spec: BuildSpec, chance: object) -> None:
    choose: Callable[[list], object] = chance.choice  # type: ignore[attr-defined]
    records = [record(at) for at in range(len(spec.steps))]
    started: list[int] = []
    for moment in range(4 * len(records)):
        now = ready(spec, records)
        assert list(now) == reference(spec, records)
        running = [at for at, one in enumerate(records) if one.status is W]
        if not now and not running:
            break
        if now and (not running or choose([True, False])):
            at = choose(list(now))
            assert all(need in started for need in spec.steps[at].waits_for)
            started.append(at)
            records[at] = record(at, W)
        else:
            at = choose(running)
            end = choose(ENDS)
            code = choose([1, 2, 3]) if end is F else None
            records[at] = record(at, end, ended_at=float(moment), exit_code=code)
    status, because = verdict(spec, records)
    good = all(may_go_on(one, how) for one, how in zip(spec.steps, records, strict=True))
    assert status.ended  # nothing is left that neither runs, nor may start, nor has an end
    assert (status is S) == good
    assert because
    if good:
        assert sorted(started) == list(range(len(records)))


@settings(max_examples=300)
@given(graphs(), st.data())
def test_any_picture_at_all(spec: BuildSpec, data: st.DataObject) -> None:
    records = [
        record(at, data.draw(st.sampled_from(BuildStatus)), exit_code=data.draw(st.none() | st.integers(0, 3)))
        for at in range(len(spec.steps))
    ]
    assert list(ready(spec, records)) == reference(spec, records)
    assert [passed(a, b) for a, b in zip(spec.steps, records, strict=True)] == [
        may_go_on(a, b) for a, b in zip(spec.steps, records, strict=True)
    ]


DIAMOND = BuildSpec(steps=(step(0), step(1, (0,)), step(2, (0,)), step(3, (1, 2))))


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([P, P, P, P], (0,)),
        ([W, P, P, P], ()),
        ([S, P, P, P], (1, 2)),
        ([S, S, W, P], ()),
        ([S, W, P, P], (2,)),
        ([S, S, S, P], (3,)),
        ([S, F, P, P], ()),
        ([S, S, S, S], ()),
    ],
)
def test_a_diamond(statuses: list[BuildStatus], expected: tuple[int, ...]) -> None:
    assert ready(DIAMOND, [record(at, status) for at, status in enumerate(statuses)]) == expected


ALONE = [record(1, S)]


@pytest.mark.parametrize(
    ("step_says", "ended", "expected"),
    [
        ({}, {"status": S}, (S, "2 steps passed")),
        ({}, {"status": F, "exit_code": 3}, (F, "step 's0' failed with exit code 3")),
        ({}, {"status": F, "because": "no such image"}, (F, "step 's0' failed: no such image")),
        ({}, {"status": T}, (T, "step 's0' took too long")),
        ({}, {"status": C}, (C, "step 's0' was cancelled")),
        ({}, {"status": BuildStatus.INTERNAL_ERROR}, (BuildStatus.INTERNAL_ERROR, "step 's0' couldn't be run")),
        (
            {"allow_failure": True},
            {"status": F, "exit_code": 3},
            (S, "2 steps passed; allowed to fail, and failed: s0"),
        ),
        ({"allow_failure": True}, {"status": T}, (S, "2 steps passed; allowed to fail, and failed: s0")),
        ({"allow_failure": True}, {"status": C}, (C, "step 's0' was cancelled")),
        (
            {"allowed_codes": (3,)},
            {"status": F, "exit_code": 3},
            (S, "2 steps passed; allowed to fail, and failed: s0"),
        ),
        ({"allowed_codes": (3,)}, {"status": F, "exit_code": 4}, (F, "step 's0' failed with exit code 4")),
        ({"allowed_codes": (3,)}, {"status": T}, (T, "step 's0' took too long")),
        (
            {"allowed_codes": (3,), "allow_failure": True},
            {"status": F, "exit_code": 4},
            (F, "step 's0' failed with exit code 4"),
        ),
        ({}, {"status": W}, (W, "1 step of 2 to go")),
    ],
)
def test_what_the_build_has_come_to(step_says: dict, ended: dict, expected: tuple[BuildStatus, str]) -> None:
    spec = BuildSpec(steps=(step(0, **step_says), step(1)))
    assert verdict(spec, [record(0, **ended), record(1, S)]) == expected


def test_the_step_that_failed_is_named_and_not_those_that_were_stopped_for_it() -> None:
    spec = BuildSpec(steps=(step(0), step(1), step(2)))
    records = [record(0, C, ended_at=2.0), record(1, F, ended_at=3.0, exit_code=1), record(2, F, ended_at=2.5)]
    assert verdict(spec, records) == (F, "step 's2' failed")


def test_many_steps_wait_for_room() -> None:
    spec = BuildSpec(steps=tuple(BuildStep(id=f"s{at}", image="a") for at in range(72)))
    records = [record(at) for at in range(72)]
    assert ready(spec, records) == tuple(range(MOST_AT_ONCE))
    running = [record(at, W) if at < 30 else record(at) for at in range(72)]
    assert ready(spec, running) == (30, 31)
    assert ready(spec, [record(at, W) if at < 40 else record(at) for at in range(72)]) == ()
