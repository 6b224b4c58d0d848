"""A rehearsal: the new version is started once on a copy of the data, apart from everything, and must become healthy.

Its machine and its disks belong to an owner of their own, so nothing else of the rollout sees them. The machine is cut off from
the outside, and has no traffic; both go when it is over, however that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.fleet import wanted_disks, wanted_machines
from stoneware.decide.health import is_up, judge_health
from stoneware.errors import Refused
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.machine import DiskMount, Machine, Phase, Power, WantedDisk, WantedMachine
from stoneware.model.probe import Answer
from stoneware.names import rehearsal_owner
from stoneware.operations.progress import watched
from stoneware.operations.rollout.queue import admit
from stoneware.operations.rollout.stage import Stage
from stoneware.operations.telling import disk_told, machine_told


@dataclass(frozen=True)
class Rehearsal:
    """The machine of one group, and for each of its disks the snapshot that it is a copy of."""

    machine: WantedMachine
    disks: tuple[tuple[WantedDisk, str], ...]
    health: HealthSpec


def wanted(stage: Stage) -> bool:
    """Whether anything is to be rehearsed."""
    return bool(_groups(stage))


def step(stage: Stage) -> str:
    """Does what is missing of every rehearsal. Returns what is still awaited; empty when all are healthy.

    Raises Refused when the application can't live with the copy.
    """
    machines = {one.name: one for one in stage.platform.engine.list_machines(_owner(stage))}
    for rehearsal in _rehearsals(stage):
        awaited = _advance(stage, rehearsal, machines.get(rehearsal.machine.name))
        if awaited:
            return awaited
    return ""


def clear(stage: Stage) -> list[str]:
    """Deletes what rehearsals made. Returns the machines that were still there when we looked."""
    engine = stage.platform.engine
    there = [one.name for one in engine.list_machines(_owner(stage))]
    for name in there:
        stage.ctx.note(f"delete:{name}", "machine.delete", name, why="its rehearsal is over")
        engine.delete_machine(name)
    for disk in engine.list_disks(_owner(stage)) if not there else ():
        stage.ctx.note(f"delete:{disk.name}", "disk.delete", disk.name, why="its rehearsal is over")
        engine.delete_disk(disk.name)
    return there


def _advance(stage: Stage, rehearsal: Rehearsal, machine: Machine | None) -> str:
    engine, name = stage.platform.engine, rehearsal.machine.name
    disks = {one.name: one for one in engine.list_disks(_owner(stage))}
    for disk, snapshot in rehearsal.disks:
        if disk.name not in disks:
            stage.ctx.note(f"clone:{disk.name}", "disk.clone", disk.name, source=snapshot, **disk_told(disk))
            engine.clone_disk(snapshot, disk, watched(stage.ctx))
    if machine is None:
        if not admit(stage, [rehearsal.machine]):
            return f"rehearsal: {stage.queued}"
        stage.ctx.note(f"create:{name}", "machine.create", name, **machine_told(rehearsal.machine), why="a rehearsal")
        engine.create_machine(rehearsal.machine)
        return f"rehearsal: {name} is booting"
    if machine.power is not Power.RUNNING or machine.phase is Phase.FAILED:
        raise Refused(
            f"the rehearsal on a copy of the data failed: {name} {machine.detail or 'ended by itself'}",
            code="machine-not-up",
        )
    if machine.phase is Phase.WAITING:
        for disk, _ in rehearsal.disks:
            stage.ctx.note(f"attach:{disk.name}", "disk.attach", disk.name, machine=name)
            engine.attach_disk(disk.name, name)
    if machine.phase is not Phase.SERVING:
        return f"rehearsal: {name} is {machine.phase.lower()}"
    health = judge_health(
        stage.frame.health.get(name, Health()), _ask(stage, rehearsal, machine), stage.ctx.now, rehearsal.health
    )
    stage.remember(health={**stage.frame.health, name: health})
    return "" if is_up(health, rehearsal.health) else f"rehearsal: waiting for health; {health.detail}"


def _ask(stage: Stage, rehearsal: Rehearsal, machine: Machine) -> Answer:
    probe = rehearsal.health.http or rehearsal.health.tcp
    address = machine.addresses.get(probe.port) if probe else None
    if probe is None or address is None:
        return Answer(ok=False, detail="it can't be reached from the host")
    return stage.platform.ask(probe, address, rehearsal.health.timeout)


def _rehearsals(stage: Stage) -> list[Rehearsal]:
    """For each group its first machine, with a copy of each of its disks."""
    return [_rehearsal(stage, group) for group in _groups(stage)]


def _rehearsal(stage: Stage, group: str) -> Rehearsal:
    first, sizes = wanted_machines(stage.target, group)[0], {}
    for disk in wanted_disks(stage.target, group):
        sizes[disk.name] = disk.size_bytes
    stem = f"{stage.ctx.record.id}-{group}"
    copies = {mount.disk: f"{stem}-{place}" for place, mount in enumerate(first.disks)}
    mounts = tuple(DiskMount(disk=copies[mount.disk], mount=mount.mount) for mount in first.disks)
    apart = {"name": stem, "owner": _owner(stage), "isolated": True, "disks": mounts}
    made = tuple(
        (WantedDisk(name=copy, owner=_owner(stage), size_bytes=sizes[disk]), stage.frame.snapshots[disk])
        for disk, copy in copies.items()
    )
    return Rehearsal(first.model_copy(update=apart), made, stage.target.groups[group].spec.health)


def _groups(stage: Stage) -> list[str]:
    """Groups of which every disk of the first machine is kept in a snapshot of this rollout."""
    return [
        group
        for group in stage.held
        if stage.target.groups[group].spec.rollout.rehearse
        and all(mount.disk in stage.frame.snapshots for mount in wanted_machines(stage.target, group)[0].disks)
    ]


def _owner(stage: Stage) -> str:
    return rehearsal_owner(stage.target.deployment)
