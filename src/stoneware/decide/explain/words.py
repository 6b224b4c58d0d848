"""Words that all explanations share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoneware.model.drift import Drift, Severity
from stoneware.model.explanation import Line
from stoneware.model.health import Health
from stoneware.model.machine import Machine, Phase, Power

MOST_DRIFTS = 5
"""The rest is told by `stoneware drift`: an explanation is one screen."""
LONGEST = 160


def ago(seconds: float) -> str:
    """A span of time in one unit, for people."""
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def failing(health: Mapping[str, Health]) -> tuple[Line, ...]:
    """The machines whose last health answer was bad, the longest row of them first."""
    bad = sorted((known.streak, name, known.detail) for name, known in health.items() if known.streak < 0)
    return tuple(Line(what=name, text=f"{detail} ({-streak} in a row)") for streak, name, detail in bad)


def drifted(drifts: Sequence[Drift]) -> tuple[str, ...]:
    """Open drift that somebody should know of, the worst first; what wants nothing done isn't told here."""
    told = [one for one in drifts if one.counts and one.severity is not Severity.INFO]
    lines = [
        f"{one.severity} drift: {one.kind} {one.subject}{f' at {one.where}' if one.where else ''}: {one.found}"[
            :LONGEST
        ]
        for one in told[:MOST_DRIFTS]
    ]
    more = [f"{len(told) - MOST_DRIFTS} more drifts"] if len(told) > MOST_DRIFTS else []
    return (*lines, *more)


def ailment(machine: Machine) -> str:
    """What the engine sees wrong with a machine; empty when it sees nothing."""
    if machine.power is Power.GONE:
        return f"machine {machine.name} is GONE: its process ended without our asking"
    if machine.phase is Phase.FAILED:
        return f"machine {machine.name} can't go on: {machine.detail or 'it gives no reason'}"
    if machine.failed_units:
        return f"on machine {machine.name} failed: {', '.join(machine.failed_units)}"
    return ""


def state_of(machine: Machine) -> str:
    """`RUNNING, SERVING`, with what the machine says of it."""
    running = f", {machine.phase}" if machine.power is Power.RUNNING else ""
    return f"{machine.power}{running}{': ' + machine.detail if machine.detail else ''}"


def by_whom(actor: str, reason: str) -> str:
    """`ann: too slow`."""
    return f"{actor}: {reason}" if reason else actor
