"""A deployment on one screen: what serves, what is under way, and what isn't well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stoneware.decide.explain.operation import Course, awaited_of, first_awaited, headline_of, needs_somebody, next_of
from stoneware.decide.explain.words import ago, ailment, drifted, failing
from stoneware.decide.fleet import machine_names
from stoneware.decide.way_back import words
from stoneware.model.drift import Drift
from stoneware.model.explanation import Explanation, Line
from stoneware.model.health import Health
from stoneware.model.machine import Machine, Power
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.model.route import MemberState, RouteView
from stoneware.model.way_back import WayBack


@dataclass(frozen=True)
class DeploymentFacts:
    """What is known of a deployment. `course` is what is under way, `last` what ended last; `notes` what the daemon says of it.

    `drifts` are what is known to differ, the worst first. `away`: its engine can't be looked at, so nothing is known of its
    machines.
    """

    name: str
    current: Release | None = None
    course: Course | None = None
    last: OperationRecord | None = None
    routes: Sequence[RouteView] = ()
    machines: Sequence[Machine] = ()
    health: Mapping[str, Health] = field(default_factory=dict)
    notes: Sequence[str] = ()
    way_back: WayBack = field(default_factory=WayBack)
    drifts: Sequence[Drift] = ()
    away: bool = False


def explain_deployment(known: DeploymentFacts, now: float) -> Explanation:
    """One deployment as it is now."""
    answers = failing({**known.health, **(known.course.health if known.course else {})})
    sick = [one for one in known.machines if ailment(one) and one.name in _expected(known)]
    troubles = _troubles(known, now)
    asked = known.course is not None and needs_somebody(known.course.record)
    well = not troubles and not answers and not asked
    return Explanation(
        subject="deployment",
        name=known.name,
        at=now,
        headline=f"{known.name}: {_headline(known, well, now)}",
        well=well,
        facts=tuple(_facts(known, now)),
        awaited=awaited_of(known.course) if known.course else None,
        troubles=troubles,
        answers=answers,
        console_of=sick[0].name if sick else answers[0].what if answers else _awaited(known),
        code="" if well and not known.course else _code(known, bool(sick), bool(answers)),
        next_step=_next(known, well, [*(one.name for one in sick), *(one.what for one in answers)]),
    )


def _awaited(known: DeploymentFacts) -> str:
    return first_awaited(known.course) if known.course else ""


def _expected(known: DeploymentFacts) -> list[str]:
    """The machines that the current release has to have."""
    return (
        [name for group in known.current.groups for name in machine_names(known.current, group)]
        if known.current
        else []
    )


def _headline(known: DeploymentFacts, well: bool, now: float) -> str:
    serves = f"release {known.current.number} is current" if known.current else "no release is current"
    if known.course:
        return f"{serves}; {headline_of(known.course, now)}"
    return f"{serves}, {'and all is well' if well else 'and not all is well'}"


def _facts(known: DeploymentFacts, now: float) -> list[Line]:
    lines = []
    if known.current:
        images = ", ".join(f"{name} {group.image}" for name, group in known.current.groups.items())
        lines.append(("release", f"{known.current.number} ({images}), made {ago(now - known.current.created_at)} ago"))
    for route in known.routes:
        held = "; requests are held" if route.held else ""
        lines += [(route.service, f"{line} at {route.listen}{held}") for line in _shares(route)]
    running = sum(one.power is Power.RUNNING for one in known.machines)
    if not known.away:
        lines.append(("machines", f"{running} running, {len(known.machines) - running} not"))
    if known.current:
        lines.append(("way back", words(known.way_back, ago(now - (known.way_back.at or now)))))
    if known.last:
        code = f" ({known.last.code})" if known.last.code and known.last.result is not Result.SUCCEEDED else ""
        age = ago(now - (known.last.ended_at or now))
        lines.append(("last", f"{known.last.id} {known.last.result}{code} {age} ago: {known.last.because}"))
    return [Line(what=what, text=text) for what, text in lines]


def _shares(route: RouteView) -> list[str]:
    """A line for each pool that gets requests."""
    found = []
    for slot, pool in sorted(route.pools.items()):
        if route.share_of(slot):
            up = sum(member.state is MemberState.UP for member in pool.members)
            found.append(f"{route.share_of(slot)} % to {pool.fleet}, {up} of {len(pool.members)} up,")
    return found or ["nobody gets the requests"]


def _troubles(known: DeploymentFacts, now: float) -> tuple[str, ...]:
    found = [*known.notes, *_lacking(known)]
    for route in known.routes:
        for slot, pool in sorted(route.pools.items()):
            down = [one.machine for one in pool.members if one.state is MemberState.DOWN]
            if route.share_of(slot) and down:
                found.append(f"the proxy of {route.service} sees down: {', '.join(down)}")
    last = known.last
    if last and known.course is None and last.result is Result.STUCK:
        found.append(f"{last.id} got stuck {ago(now - (last.ended_at or now))} ago: {last.because}")
    if _closed(known):
        found.append(f"the way back: {words(known.way_back, ago(now - (known.way_back.at or now)))}")
    return tuple(dict.fromkeys([*found, *drifted(known.drifts)]))


def _lacking(known: DeploymentFacts) -> list[str]:
    """What the engine shows of machines that should run."""
    there, found = {one.name: one for one in known.machines}, []
    for name in _expected(known) if not known.away else ():
        if name not in there:
            found.append(f"machine {name} is missing")
        elif there[name].power is Power.STOPPED:
            found.append(f"machine {name} is stopped, and should run")
        elif ailment(there[name]):
            found.append(ailment(there[name]))
    return found


def _closed(known: DeploymentFacts) -> bool:
    """Whether the last rehearsal of the way back failed."""
    return known.way_back.at is not None and not known.way_back.ok


def _code(known: DeploymentFacts, sick: bool, answers: bool) -> str:
    if known.course:
        return known.course.record.code
    if known.last and known.last.result is Result.STUCK:
        return known.last.code
    return "machine-not-up" if sick else "machine-sick" if answers else ""


def _next(known: DeploymentFacts, well: bool, unwell: Sequence[str]) -> str:
    if known.course:
        return next_of(known.course)
    if known.last and known.last.result is Result.STUCK:
        return next_of(Course(known.last, 0.0))
    if well:
        return "nothing to do" if known.current else "`stoneware deploy` makes a release current"
    if any("revoked" in note for note in known.notes):
        return f"`stoneware bake` without what is wrong, then `stoneware plan {known.name}`"
    if drifted(known.drifts) and not (known.away or unwell or _lacking(known)):
        return f"`stoneware drift {known.name}` says what differs, and what is done about it"
    if _closed(known) and not unwell:
        return f"`stoneware explain {known.way_back.operation}` says what failed"
    if known.away:
        return "`stoneware doctor` says what the engine lacks"
    if known.notes and unwell:
        look = f"`stoneware machine console {unwell[0]} --lines 200` shows more"
        return f"{look}; when the image is at fault, `stoneware rollback {known.name}` goes back"
    return f"what is missing or sick is made anew by itself; `stoneware status {known.name} --watch` follows that"
