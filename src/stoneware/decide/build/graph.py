"""The graph of a build's steps: which may start now, and what the build has come to.

A step waits until all that it waits for have passed. One that failed and was allowed to has passed, for those who wait as for
the build, and keeps its own status (Cloud Build v1, `BuildStep.allowFailure` and `allowExitCodes`). After the first step that
didn't pass nothing starts any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.model.build import BuildSpec, BuildStatus, BuildStep, StepRecord
from stoneware.model.quantity import counted

Records = Sequence[StepRecord]
"""One for each step, in the spec's order."""
MOST_AT_ONCE = 32
"""Steps of one build that run at the same time; more wait for room. A build's network has 61 addresses."""


def passed(step: BuildStep, record: StepRecord) -> bool:
    """Whether those that wait for it may go on. Codes that are allowed say it all: with them `allow_failure` means nothing."""
    if record.status is BuildStatus.SUCCESS:
        return True
    if step.allowed_codes:
        return record.status is BuildStatus.FAILURE and record.exit_code in step.allowed_codes
    return step.allow_failure and record.status in (BuildStatus.FAILURE, BuildStatus.TIMEOUT)


def ready(spec: BuildSpec, records: Records) -> tuple[int, ...]:
    """The positions of the steps to start now, in the spec's order; none when one has failed."""
    if culprit(spec, records) is not None:
        return ()
    through = {at for at, step in enumerate(spec.steps) if passed(step, records[at])}
    waiting = [
        at
        for at, step in enumerate(spec.steps)
        if records[at].status is BuildStatus.PENDING and through.issuperset(step.waits_for)
    ]
    room = MOST_AT_ONCE - sum(one.status is BuildStatus.WORKING for one in records)
    return tuple(waiting[: max(0, room)])


def verdict(spec: BuildSpec, records: Records) -> tuple[BuildStatus, str]:
    """What the build is, and why in a sentence. It has ended as soon as a step didn't pass, whatever still runs then."""
    bad = culprit(spec, records)
    if bad is not None:
        return _status_of(records[bad]), _reason(records[bad])
    left = sum(not one.status.ended for one in records)
    if left:
        return BuildStatus.WORKING, f"{counted(left, 'step')} of {len(records)} to go"
    excused = [one.id for one in records if one.status is not BuildStatus.SUCCESS]
    also = f"; allowed to fail, and failed: {', '.join(excused)}" if excused else ""
    return BuildStatus.SUCCESS, f"{counted(len(records), 'step')} passed{also}"


def decided_at(spec: BuildSpec, records: Records) -> float | None:
    """When it came to what it is: with the step that didn't pass, or with the last one; None as long as it goes on."""
    bad = culprit(spec, records)
    if bad is not None:
        return records[bad].ended_at
    ends = [one.ended_at for one in records]
    return (
        max((at for at in ends if at is not None), default=None) if all(one.status.ended for one in records) else None
    )


def culprit(spec: BuildSpec, records: Records) -> int | None:
    """The step that ended the build: the first to end without passing. Those that were stopped only because of it come last."""
    bad = [at for at, step in enumerate(spec.steps) if records[at].status.ended and not passed(step, records[at])]
    return min(bad, key=lambda at: _blame(records[at], at), default=None)


def _blame(record: StepRecord, at: int) -> tuple[bool, float, int]:
    stopped = record.status is BuildStatus.CANCELLED
    return stopped, float("inf") if record.ended_at is None else record.ended_at, at


def _status_of(record: StepRecord) -> BuildStatus:
    return BuildStatus.FAILURE if record.status is BuildStatus.EXPIRED else record.status


def _reason(record: StepRecord) -> str:
    """Why the step, and with it the build, didn't pass."""
    code = f" with exit code {record.exit_code}" if record.exit_code is not None else ""
    how = {
        BuildStatus.FAILURE: f"failed{code}",
        BuildStatus.TIMEOUT: "took too long",
        BuildStatus.CANCELLED: "was cancelled",
        BuildStatus.INTERNAL_ERROR: "couldn't be run",
    }.get(record.status, f"is {record.status}")
    return f"step {record.id!r} {how}" + (f": {record.because}" if record.because else "")
