"""How far a machine is, from three facts: what is meant (its record), what podman sees, and the marks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.engines.container.folder import MachineRecord
from stoneware.model.machine import Phase, Power


@dataclass(frozen=True)
class Seen:
    """What podman says of a machine's container: whether it runs, and its last start."""

    running: bool
    started_at: str


@dataclass(frozen=True)
class Marks:
    """What systemd in the container has marked: targets reached, units failed."""

    reached: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A machine's power and phase, with a sentence where something is wrong."""

    power: Power
    phase: Phase
    detail: str = ""


def judge(record: MachineRecord, seen: Seen | None, marks: Marks | None) -> Verdict:
    """`seen` is None when there is no container; `marks` is None for an image without systemd.

    A machine with disks has no process until all of them are there: it is on, and waits.
    """
    if seen is not None and seen.running:
        return Verdict(Power.RUNNING, *_running(record, marks))
    if not record.on:
        return Verdict(Power.STOPPED, Phase.UNKNOWN)
    if record.ending_since is not None:
        return Verdict(Power.RUNNING, Phase.WAITING)
    if record.begun is not None and (seen is None or seen.started_at != record.begun):
        return Verdict(Power.GONE, Phase.UNKNOWN)
    waits = record.wanted.disks and seen is not None
    return Verdict(Power.RUNNING, Phase.WAITING if waits else Phase.BOOTING)


def _running(record: MachineRecord, marks: Marks | None) -> tuple[Phase, str]:
    if record.ending_since is not None:
        return Phase.QUIESCING, ""
    if marks is None:
        return Phase.SERVING, ""
    for target in ("emergency", "rescue"):
        if target in marks.reached:
            return Phase.FAILED, f"systemd has stopped in {target} mode: see the console"
    if "multi-user" in marks.reached:
        return Phase.SERVING, ""
    return (Phase.STARTING if record.wanted.disks else Phase.BOOTING), ""
