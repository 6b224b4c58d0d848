"""What a rollout does to machines and disks: each function looks, acts on what is missing, and tells what it still awaits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from stoneware.decide.console import telling_line
from stoneware.decide.fleet import wanted_disks, wanted_machines
from stoneware.errors import NotFound, Refused
from stoneware.model.machine import Phase, Power, WantedMachine
from stoneware.model.release import Release
from stoneware.operations.rollout import data
from stoneware.operations.rollout.queue import admit
from stoneware.operations.rollout.stage import Stage
from stoneware.operations.telling import disk_told, machine_told

WHY_LINES = 100
"""How far back in a console the reason of its end is looked for: a panic prints its registers behind it."""


def ensure_disks(stage: Stage) -> None:
    """Creates the disks that the target declares and the engine lacks."""
    for group in stage.target.groups:
        for disk in wanted_disks(stage.target, group):
            if disk.name not in stage.disks:
                stage.ctx.note(f"disk:{disk.name}", "disk.create", disk.name, **disk_told(disk))
                stage.store.disk_schemas.put(disk.name, None)
                stage.platform.engine.create_disk(disk)


def ensure_machines(stage: Stage, release: Release, *, only: Collection[str] | None = None) -> list[str]:
    """Creates missing machines, starts stopped ones, and makes failed ones again: as many at once as may boot. All of a release,
    or `only` some by name. Returns those that boot now.

    Raises Refused when a machine has failed `boot_tries` times.
    """
    return _ensure(
        stage,
        [
            (wanted, pinned.spec.rollout.boot_tries)
            for group, pinned in release.groups.items()
            for wanted in wanted_machines(release, group)
            if only is None or wanted.name in only
        ],
    )


def ensure_baselines(stage: Stage) -> list[str]:
    """The same for the machines that a canary is compared with. Returns their names."""
    groups = stage.target.groups
    _ensure(stage, [(wanted, groups[wanted.group].spec.rollout.boot_tries) for wanted in stage.baselines])
    return [wanted.name for wanted in stage.baselines]


def _ensure(stage: Stage, machines: Sequence[tuple[WantedMachine, int]]) -> list[str]:
    missing = [wanted for wanted, boot_tries in machines if _is_missing(stage, wanted, boot_tries)]
    admitted = admit(stage, missing)
    for wanted in admitted:
        _boot(stage, wanted)
    return [wanted.name for wanted in admitted]


def _is_missing(stage: Stage, wanted: WantedMachine, boot_tries: int) -> bool:
    """Whether a machine has to be booted. Raises Refused for one that can't be."""
    name, seen = wanted.name, stage.machines.get(wanted.name)
    if seen and seen.digest != wanted.digest:
        why = f"machine {name} runs {seen.digest[:19]}, not {wanted.digest[:19]}"
        raise Refused(why, f"see `stoneware machine show {name}`")
    if seen and seen.power is Power.RUNNING and seen.phase is not Phase.FAILED:
        return False
    tries = stage.frame.tries.get(name, 0)
    if tries >= boot_tries and not (seen and seen.power is Power.STOPPED):
        raise Refused(
            f"machine {name} did not come up in {tries} tries: {_last_words(stage, name)}", code="machine-not-up"
        )
    return True


def _boot(stage: Stage, wanted: WantedMachine) -> None:
    name, engine = wanted.name, stage.platform.engine
    seen, tries = stage.machines.get(name), stage.frame.tries.get(name, 0)
    if seen and seen.power is Power.STOPPED:
        stage.ctx.note(f"start:{name}", "machine.start", name, **machine_told(wanted))
        engine.start_machine(name)
        return
    if seen:
        stage.ctx.note(f"discard:{name}:{tries}", "machine.delete", name, why=_last_words(stage, name))
        engine.delete_machine(name)
    stage.ctx.note(f"create:{name}:{tries}", "machine.create", name, **machine_told(wanted))
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
                    data.will_write(stage, release, group, disk)
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
    """Stops machines, to be started again if need be. Returns those that were still on, or had a disk, when we looked.

    One that stops lets go of its disks by itself; one that died still has them.
    """
    names = list(names)
    running = [m for name in names if (m := stage.machines.get(name)) and m.power is Power.RUNNING]
    for machine in running:
        stage.ctx.note(f"stop:{machine.name}", "machine.stop", machine.name, digest=machine.digest)
        stage.platform.engine.stop_machine(machine.name)
    on = [machine.name for machine in running]
    return on + release_disks(stage, [name for name in names if name not in on])


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
        console = stage.platform.engine.read_console(name, WHY_LINES)
    except NotFound:
        console = ""
    return telling_line(console) or "no console output"
