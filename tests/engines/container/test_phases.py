"""How far a machine is: every combination of what is meant, what podman sees and what systemd has marked."""

from __future__ import annotations

import pytest

from stoneware.engines.container.folder import MachineRecord
from stoneware.engines.container.phases import Marks, Seen, judge
from stoneware.model.machine import DiskMount, Phase, Power, WantedMachine

NEVER, FIRST = "0001-01-01", "2026-01-01"
NONE, SERVES = Marks(), Marks(reached=("multi-user",))
ASLEEP, RUNS, ENDED = Seen(False, NEVER), Seen(True, FIRST), Seen(False, FIRST)
DISKS = (DiskMount(disk="data", mount="/srv"),)


def record(*, disks: bool = False, **more: object) -> MachineRecord:
    wanted = WantedMachine(
        name="m",
        owner="o",
        group="g",
        fleet=1,
        index=0,
        digest="d",
        cpus=1,
        memory_bytes=1,
        disks=DISKS if disks else (),
    )
    return MachineRecord(wanted=wanted, ip="10.64.0.2", created_at=0).model_copy(update=more)


@pytest.mark.parametrize(
    ("meant", "seen", "marks", "power", "phase"),
    [
        # made, and not begun: with disks it waits for them
        (record(disks=True), ASLEEP, None, Power.RUNNING, Phase.WAITING),
        # meant to begin; whether it has, the last start says
        (record(disks=True, begun=NEVER), ASLEEP, None, Power.RUNNING, Phase.WAITING),
        (record(disks=True, begun=FIRST), ENDED, None, Power.RUNNING, Phase.WAITING),
        (record(begun=NEVER), ENDED, None, Power.GONE, Phase.UNKNOWN),
        (record(disks=True, begun=NEVER), ENDED, None, Power.GONE, Phase.UNKNOWN),
        (record(begun=NEVER), None, None, Power.GONE, Phase.UNKNOWN),
        # it runs
        (record(begun=NEVER), RUNS, NONE, Power.RUNNING, Phase.BOOTING),
        (record(disks=True, begun=NEVER), RUNS, NONE, Power.RUNNING, Phase.STARTING),
        (record(begun=NEVER), RUNS, SERVES, Power.RUNNING, Phase.SERVING),
        (record(disks=True, begun=NEVER), RUNS, SERVES, Power.RUNNING, Phase.SERVING),
        (record(begun=NEVER), RUNS, None, Power.RUNNING, Phase.SERVING),
        (record(begun=NEVER), RUNS, Marks(reached=("multi-user", "emergency")), Power.RUNNING, Phase.FAILED),
        (record(begun=NEVER), RUNS, Marks(reached=("rescue",)), Power.RUNNING, Phase.FAILED),
        # its application ends, and leaves it waiting
        (record(disks=True, begun=NEVER, ending_since=1.0), RUNS, SERVES, Power.RUNNING, Phase.QUIESCING),
        (record(disks=True, begun=NEVER, ending_since=1.0), ENDED, None, Power.RUNNING, Phase.WAITING),
        # it was stopped
        (record(begun=NEVER, on=False, ending_since=1.0), RUNS, SERVES, Power.RUNNING, Phase.QUIESCING),
        (record(begun=NEVER, on=False, ending_since=1.0), ENDED, None, Power.STOPPED, Phase.UNKNOWN),
        (record(disks=True, on=False), ASLEEP, None, Power.STOPPED, Phase.UNKNOWN),
    ],
)
def test_a_machine_is_what_all_three_say(
    meant: MachineRecord, seen: Seen | None, marks: Marks | None, power: Power, phase: Phase
) -> None:
    verdict = judge(meant, seen, marks)
    assert (verdict.power, verdict.phase) == (power, phase)
    assert bool(verdict.detail) is (phase is Phase.FAILED)


@pytest.mark.parametrize(
    ("meant", "seen"),
    [(record(), None), (record(disks=True), None), (record(), ASLEEP), (record(begun=NEVER), ASLEEP)],
    ids=["no container", "no container for disks", "not begun", "begun, and not started"],
)
def test_who_made_it_is_at_it_or_has_died(meant: MachineRecord, seen: Seen | None) -> None:
    busy, alone = judge(meant, seen, None, in_hand=True), judge(meant, seen, None)
    assert (busy.power, busy.phase) == (Power.RUNNING, Phase.BOOTING)
    assert (alone.power, alone.detail) == (Power.GONE, "its start was cut short")
