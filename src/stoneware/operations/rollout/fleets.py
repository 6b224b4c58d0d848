"""What a rollout does to machines and disks: each function looks, acts on what is missing, and tells what it still awaits."""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.decide.fleet import wanted_disks, wanted_machines
from stoneware.errors import NotFound, Refused
from stoneware.model.machine import Phase, Power, WantedMachine
from stoneware.model.release import Release
from stoneware.operations.rollout.stage import Stage


def ensure_disks(stage: Stage) -> None:
    """Creates the disks that the target declares and the engine lacks."""
    for group in stage.target.groups:
        for disk in wanted_disks(stage.target, group):
            if disk.name not in stage.disks:
                stage.ctx.note(f"disk:{disk.name}", "disk.create", disk.name, size_bytes=str(disk.size_bytes))
                stage.platform.engine.create_disk(disk)


def ensure_machines(stage: Stage, release: Release) -> None:
    """Creates missing machines, starts stopped ones, and makes failed ones again.

    Raises Refused when a machine has failed `boot_tries` times.
    """
    for group, pinned in release.groups.items():
        for wanted in wanted_machines(release, group):
            _ensure_machine(stage, wanted, pinned.spec.rollout.boot_tries)


def _ensure_machine(stage: Stage, wanted: WantedMachine, boot_tries: int) -> None:
    name, engine = wanted.name, stage.platform.engine
    seen = stage.machines.get(name)
    if seen and seen.digest != wanted.digest:
        why = f"machine {name} runs {seen.digest[:19]}, not {wanted.digest[:19]}"
        raise Refused(why, f"see `stoneware machine show {name}`")
    if seen and seen.power is Power.RUNNING and seen.phase is not Phase.FAILED:
        return
    if seen and seen.power is Power.STOPPED:
        stage.ctx.note(f"start:{name}", "machine.start", name, digest=wanted.digest)
        engine.start_machine(name)
        return
    tries = stage.frame.tries.get(name, 0)
    if tries >= boot_tries:
        raise Refused(f"machine {name} did not come up in {tries} tries: {_last_words(stage, name)}")
    if seen:
        stage.ctx.note(f"discard:{name}:{tries}", "machine.delete", name, why=_last_words(stage, name))
        engine.delete_machine(name)
    stage.ctx.note(f"create:{name}:{tries}", "machine.create", name, digest=wanted.digest)
    engine.create_machine(wanted)
    stage.remember(tries={**stage.frame.tries, name: tries + 1})


def attach_disks(stage: Stage, release: Release, groups: Iterable[str]) -> None:
    """Plugs every free disk of these groups into its machine of `release`, where that machine runs and waits for it."""
    for group in groups:
        for wanted in wanted_machines(release, group):
            machine = stage.machines.get(wanted.name)
            if machine is None or machine.power is not Power.RUNNING:
                continue
            for disk in (mount.disk for mount in wanted.disks):
                held_by = stage.disks[disk].writer if disk in stage.disks else None
                # one that it has already may be half-way out, from a hand-over that was cut short
                if held_by is None or (held_by == wanted.name and machine.phase is Phase.WAITING):
                    stage.ctx.note(f"attach:{disk}:{wanted.name}", "disk.attach", disk, machine=wanted.name)
                    stage.platform.engine.attach_disk(disk, wanted.name)


def release_disks(stage: Stage, names: Iterable[str]) -> list[str]:
    """Makes machines let go of their disks, application first. Returns who held one when we looked."""
    holding = []
    for name in names:
        held = [disk.name for disk in stage.disks.values() if disk.writer == name]
        machine = stage.machines.get(name)
        if not held:
            continue
        holding.append(name)
        serving = machine and machine.power is Power.RUNNING and machine.phase is not Phase.WAITING
        if serving:
            stage.platform.engine.quiesce_machine(name)
            continue
        for disk in held:
            stage.ctx.note(f"detach:{disk}:{name}", "disk.detach", disk, machine=name)
            stage.platform.engine.detach_disk(disk, name)
    return holding


def stop(stage: Stage, names: Iterable[str]) -> list[str]:
    """Stops machines, to be started again if need be. Returns those that were still on when we looked."""
    running = [m for name in names if (m := stage.machines.get(name)) and m.power is Power.RUNNING]
    for machine in running:
        stage.ctx.note(f"stop:{machine.name}", "machine.stop", machine.name, digest=machine.digest)
        stage.platform.engine.stop_machine(machine.name)
    return [machine.name for machine in running]


def discard(stage: Stage, names: Iterable[str]) -> list[str]:
    """Deletes machines. Returns those that were still there when we looked."""
    there = [name for name in names if name in stage.machines]
    for name in there:
        stage.ctx.note(f"delete:{name}", "machine.delete", name, digest=stage.machines[name].digest)
        stage.platform.engine.delete_machine(name)
    return there


def _last_words(stage: Stage, name: str) -> str:
    seen = stage.machines.get(name)
    if seen and seen.detail:
        return seen.detail
    try:
        lines = stage.platform.engine.read_console(name, 5).strip().splitlines()
    except NotFound:
        lines = []
    return lines[-1] if lines else "no console output"
