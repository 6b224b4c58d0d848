"""A machine on one screen: what it runs, how far it is, who sends it traffic, and what its health answers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.decide.explain.operation import Course, awaited_of, next_of
from stoneware.decide.explain.words import ago, ailment, drifted, state_of
from stoneware.decide.fleet import machine_names
from stoneware.model.drift import Drift
from stoneware.model.explanation import Explanation, Line
from stoneware.model.health import Health
from stoneware.model.image import Image
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.release import Release
from stoneware.model.route import MemberState, RouteView


@dataclass(frozen=True)
class MachineFacts:
    """What is known of a machine. `image` is what it runs, if that is known here; `health` its last answers, if it is asked.

    `drifts` are what is known to differ of it, the worst first.
    """

    machine: Machine
    image: Image | None = None
    current: Release | None = None
    routes: Sequence[RouteView] = ()
    health: Health | None = None
    course: Course | None = None
    notes: Sequence[str] = ()
    drifts: Sequence[Drift] = ()


def explain_machine(known: MachineFacts, now: float) -> Explanation:
    """One machine as it is now."""
    machine, troubles = known.machine, _troubles(known)
    answers: tuple[Line, ...] = ()
    if known.health is not None and failing(known.health):
        row = f"{known.health.detail} ({-known.health.streak} in a row)"
        answers = (Line(what=f"{ago(now - known.health.asked_at)} ago", text=row),)
    well = not troubles and not answers
    return Explanation(
        subject="machine",
        name=machine.name,
        at=now,
        headline=f"{machine.name}: {_headline(known, well)}",
        well=well,
        facts=tuple(_facts(known, now)),
        awaited=awaited_of(known.course) if known.course else None,
        troubles=troubles,
        answers=answers,
        console_of="" if machine.power is Power.STOPPED and well else machine.name,
        code="" if well else "machine-not-up" if ailment(machine) else "machine-sick" if answers else "",
        next_step=_next(known, well),
    )


def failing(health: Health | None) -> bool:
    """Whether its last answer was bad."""
    return health is not None and health.streak < 0


def serves(known: MachineFacts) -> bool:
    """Whether it belongs to what is current."""
    current = known.current
    return current is not None and any(known.machine.name in machine_names(current, group) for group in current.groups)


def _headline(known: MachineFacts, well: bool) -> str:
    machine = known.machine
    if machine.power is Power.STOPPED:
        return "stopped, and kept warm for the way back"
    if not well or machine.power is not Power.RUNNING:
        return f"not well: it is {state_of(machine)}"
    return "serving, and well" if machine.phase is Phase.SERVING else f"on its way: {machine.phase}"


def _facts(known: MachineFacts, now: float) -> list[Line]:
    machine = known.machine
    image = known.image.name if known.image else machine.digest[:19]
    role = "part of the current release" if serves(known) else "not part of the current release"
    lines = [
        ("of", f"{machine.owner}, group {machine.group}, place {machine.index}; {role}"),
        ("image", f"{image}, first of release {machine.fleet}"),
        ("state", f"{state_of(machine)}; made {ago(now - machine.created_at)} ago"),
        ("disks", ", ".join(machine.attached) or "none"),
    ]
    return [Line(what=what, text=text) for what, text in (*lines, *_traffic(known))]


def _traffic(known: MachineFacts) -> list[tuple[str, str]]:
    found = []
    for route in known.routes:
        for slot, pool in sorted(route.pools.items()):
            for member in pool.members:
                if member.machine == known.machine.name:
                    detail = f" ({member.detail})" if member.detail else ""
                    share = f"{route.share_of(slot)} % of {route.service} go to its fleet"
                    found.append(("traffic", f"{share}; the proxy sees it {member.state}{detail}"))
    return found or [("traffic", "none")]


def _troubles(known: MachineFacts) -> tuple[str, ...]:
    down = [
        f"the proxy of {route.service} sees it DOWN{': ' + member.detail if member.detail else ''}"
        for route in known.routes
        for slot, pool in sorted(route.pools.items())
        for member in pool.members
        if member.machine == known.machine.name and member.state is MemberState.DOWN and route.share_of(slot)
    ]
    revoked = known.image and known.image.revoked_at is not None and known.machine.power is Power.RUNNING
    told = [f"its image {known.image.name} is revoked: {known.image.revoked_reason}"] if known.image and revoked else []
    named = [note for note in known.notes if known.machine.name in note]
    return tuple(filter(None, [ailment(known.machine), *down, *told, *named, *drifted(known.drifts)]))


def _next(known: MachineFacts, well: bool) -> str:
    machine = known.machine
    if known.course is not None:
        return next_of(known.course)
    if known.image and known.image.revoked_at is not None and not ailment(machine):
        return f"deploy another image: `stoneware plan {machine.owner}` says what would change"
    if well:
        return "nothing to do"
    if drifted(known.drifts) and not (ailment(machine) or failing(known.health)):
        return f"`stoneware drift {machine.owner}` says what differs, and what is done about it"
    if serves(known) and not known.notes:
        return f"it is made anew by itself; `stoneware status {machine.owner} --watch` follows that"
    return f"`stoneware machine console {machine.name} --lines 200` shows more of its console"
