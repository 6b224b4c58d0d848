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


def judge(record: MachineRecord, seen: Seen | None, marks: Marks | None, *, in_hand: bool = False) -> Verdict:
    """`seen` is None when there is no container; `marks` is None for an image without systemd.

    A machine with disks has no process until all of them are there: it is on, and waits. `in_hand`: somebody is making or starting
    it now. If nobody is, who did has died in the middle of it: it counts as gone, or else everyone would wait for it for ever.
    """
    if seen is not None and seen.running:
        return Verdict(Power.RUNNING, *_running(record, marks))
    if not record.on:
        return Verdict(Power.STOPPED, Phase.UNKNOWN)
    if record.ending_since is not None:
        return Verdict(Power.RUNNING, Phase.WAITING)
    if record.begun is not None and (seen is None or seen.started_at != record.begun):
        return Verdict(Power.GONE, Phase.UNKNOWN)
    if record.wanted.disks and seen is not None:
        return Verdict(Power.RUNNING, Phase.WAITING)
    if in_hand:
        return Verdict(Power.RUNNING, Phase.BOOTING)
    return Verdict(Power.GONE, Phase.UNKNOWN, "its start was cut short")


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
