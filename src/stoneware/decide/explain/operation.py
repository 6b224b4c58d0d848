"""An operation on one screen: how far it is, what it waits for and until when, what happens then; or how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stoneware.decide.explain.words import ago, by_whom, failing
from stoneware.model.explanation import Awaited, Explanation, Line
from stoneware.model.health import Health
from stoneware.model.operation import JournalLine, OperationRecord, Result

LATEST_LINES = 3
BY_A_PERSON = {
    "AWAITING_APPROVAL": "`stoneware approve {who}` lets it go on, `stoneware abort {who}` turns it back",
    "AWAITING_DECISION": "`stoneware retry {who}` tries again, `stoneware abort {who}` goes back",
}
"""States that wait for a person, and what that person can say."""
PASSING = frozenset({"deadline-passed", "aborted", "interrupted", "unreachable", "stuck", "no-capacity", "disk-full"})
"""Codes of what may be over when it is tried again."""


@dataclass(frozen=True)
class Course:
    """What is known of an operation. Its state may last `limit_s`, counted from `entered_at`; None: as long as it takes.

    `going_back`: its state is part of the way back. `source` is the release that a rollout goes back to, `target` where it leads.
    `asks`: when it fails now, it waits for a person instead of going back. `health` is what it knows of its machines;
    `booting` are those of its machines that run and don't serve yet, as far as it can be seen.
    """

    record: OperationRecord
    entered_at: float
    limit_s: float | None = None
    going_back: bool = False
    source: int | None = None
    target: int | None = None
    asks: bool = False
    health: Mapping[str, Health] = field(default_factory=dict)
    booting: Sequence[str] = ()
    journal: Sequence[JournalLine] = ()


def explain_operation(course: Course, now: float) -> Explanation:
    """One operation, whether it goes on or is over."""
    record = course.record
    facts = [Line(what="of", text=record.subject)]
    if course.target is not None:
        back = f", from release {course.source}" if course.source not in (None, course.target) else ""
        facts.append(Line(what="leads to", text=f"release {course.target}{back}"))
    facts.append(
        Line(what="begun", text=f"{ago(now - record.created_at)} ago by {by_whom(record.actor, record.reason)}")
    )
    facts += [
        Line(what=f"{line.at - record.created_at:.0f} s", text=f"{line.state.lower()}: {line.text}")
        for line in course.journal[-LATEST_LINES:]
    ]
    answers = failing(course.health) if record.result in (None, Result.STUCK) else ()
    return Explanation(
        subject="operation",
        name=record.id,
        at=now,
        headline=headline_of(course, now),
        well=record.result is Result.SUCCEEDED or (record.result is None and not needs_somebody(record)),
        facts=tuple(facts),
        awaited=awaited_of(course),
        troubles=() if record.result in (None, Result.SUCCEEDED) else (record.because,),
        answers=answers,
        console_of=answers[0].what if answers else first_awaited(course),
        code="" if record.result is Result.SUCCEEDED else record.code,
        next_step=next_of(course),
    )


def headline_of(course: Course, now: float) -> str:
    """What it is, in a line."""
    record = course.record
    if record.result is not None:
        return f"{record.id} of {record.subject} {record.result} {ago(now - (record.ended_at or now))} ago"
    paused = ", PAUSED" if record.paused else ""
    return f"{record.id} of {record.subject} is {record.state}{paused} for {ago(now - record.state_since)}"


def first_awaited(course: Course) -> str:
    """The machine that it waits for first; empty for none."""
    return next(iter(course.booting), "")


def needs_somebody(record: OperationRecord) -> bool:
    """Whether it doesn't go on by itself."""
    return record.paused or record.state in BY_A_PERSON


def awaited_of(course: Course) -> Awaited | None:
    """What it waits for; None when it is over."""
    record = course.record
    if record.result is not None:
        return None
    timeless = course.limit_s is None or needs_somebody(record)
    return Awaited(
        what=record.because or "its first step",
        since=record.state_since,
        deadline_at=None if timeless else course.entered_at + (course.limit_s or 0.0),
        then=_then(course),
    )


def _then(course: Course) -> str:
    record = course.record
    if record.paused:
        return "nothing, until it is resumed; its time stands still"
    if record.state in BY_A_PERSON:
        return "nothing by itself: it waits for a person"
    if course.limit_s is None:
        return "nothing: it ends by itself"
    if course.going_back:
        return "it ends as STUCK, and a person must look"
    if course.asks:
        return "it waits for a person's decision"
    if record.kind == "rollout" and course.source not in (None, course.target):
        return f"it goes back to release {course.source} by itself"
    return "it is given up, and what it has made is taken away"


def next_of(course: Course) -> str:
    """The next sensible command."""
    record = course.record
    who = record.subject if record.kind == "rollout" else record.id
    if record.result is None:
        if record.paused:
            return f"`stoneware resume {who}` lets it go on"
        said = BY_A_PERSON.get(record.state)
        return said.format(who=who) if said else f"`stoneware history {record.id} --watch` follows it"
    if record.result is Result.SUCCEEDED:
        return f"nothing to do; `stoneware history {record.id}` has the whole story"
    help_ = f"`stoneware docs {record.code}` says what that means" if record.code else ""
    if record.kind == "rollout" and (record.result is Result.STUCK or record.code in PASSING):
        return "; ".join(filter(None, [f"when the cause is gone, `stoneware retry {who}` starts it once more", help_]))
    return help_ or f"`stoneware history {record.id}` tells the story"
