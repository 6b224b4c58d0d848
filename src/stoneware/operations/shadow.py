"""The shadow of a way back: what its machines and disks are made of, and what is done to them.

All of it belongs to an owner of its own, is cut off from the outside, and stands behind no proxy: nothing of it can be mistaken for
what serves, and all of it can be found and taken away by that owner's name alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.fleet import wanted_disks, wanted_machines
from stoneware.decide.health import judge_health, proven
from stoneware.decide.schema import may_use
from stoneware.errors import Refused
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.machine import DiskMount, Machine, Phase, Power, WantedDisk, WantedMachine
from stoneware.model.probe import Answer
from stoneware.model.release import Release
from stoneware.names import shadow_owner
from stoneware.operations.places import place_for
from stoneware.operations.platform import Platform
from stoneware.operations.procedure import Context, Frame
from stoneware.operations.progress import watched
from stoneware.operations.rollout.frame import Queue
from stoneware.operations.telling import disk_told, machine_told
from stoneware.store.store import Store


class ShadowFrame(Frame):
    """`release` is the one that a rollback from `current` would lead to, `groups` those of which it would start machines.

    `health` is what is known of the shadow's machines, `took_s` how long it took until all were proven (seconds); `queue` its place
    among those that have machines to boot. `failure` says why the way back doesn't work.
    """

    engine: str
    deployment: str
    release: int
    current: int
    groups: tuple[str, ...]
    health: dict[str, Health] = {}
    queue: Queue | None = None
    took_s: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class Twin:
    """A machine of the shadow; each of its disks with the disk that it is a copy of."""

    machine: WantedMachine
    disks: tuple[tuple[WantedDisk, str], ...]
    health: HealthSpec


def twins(release: Release, groups: tuple[str, ...], operation: str) -> list[Twin]:
    """Every machine that a rollback would start, as its shadow: named for the operation, apart from everything."""
    owner, found = shadow_owner(release.deployment), []
    for group in groups:
        sizes = {disk.name: disk.size_bytes for disk in wanted_disks(release, group)}
        for wanted in wanted_machines(release, group):
            name = f"{operation}-{group}-{wanted.index}"
            copies = {mount.disk: f"{name}-d{place}" for place, mount in enumerate(wanted.disks)}
            mounts = tuple(DiskMount(disk=copies[mount.disk], mount=mount.mount) for mount in wanted.disks)
            apart = {"name": name, "owner": owner, "isolated": True, "disks": mounts}
            disks = tuple(
                (WantedDisk(name=copy, owner=owner, size_bytes=sizes[disk]), disk) for disk, copy in copies.items()
            )
            found.append(Twin(wanted.model_copy(update=apart), disks, release.groups[group].spec.health))
    return found


def must_read(store: Store, release: Release, groups: tuple[str, ...]) -> None:
    """Raises Refused when an image of the release can't read the data as it is, or is revoked: so would the rollback be."""
    for group in groups:
        pinned = release.groups[group]
        image = store.catalog.get(pinned.digest)
        if image.revoked_at is not None:
            why = f"the way back is closed: {image.name} is revoked: {image.revoked_reason}"
            raise Refused(why, "deploy another image", code="image-revoked")
        says = store.catalog.manifest(pinned.digest).state_schema
        for disk, schema in store.disk_schemas.of({one.name for one in wanted_disks(release, group)}).items():
            if (why_not := may_use(schema, says)) is not None:
                why = f"the way back is closed: on disk {disk}, {pinned.image} {why_not}"
                raise Refused(
                    why, "`stoneware rollback --restore-data` could go back with older data", code="data-unreadable"
                )


def copy_next(ctx: Context, platform: Platform, shadow: list[Twin]) -> str:
    """Makes the first copy that is missing; a disk that isn't there yet has an empty one. Returns its name; empty when all are."""
    engine = platform.engine
    owned = {disk.name for disk in engine.list_disks(shadow[0].machine.owner)} if shadow else set()
    sources = {disk.name for disk in engine.list_disks()}
    for disk, source in (pair for twin in shadow for pair in twin.disks):
        if disk.name in owned:
            continue
        if source in sources:
            ctx.note(f"clone:{disk.name}", "disk.clone", disk.name, source=source, **disk_told(disk))
            engine.clone_disk(source, disk, watched(ctx))
        else:
            ctx.note(f"disk:{disk.name}", "disk.create", disk.name, **disk_told(disk))
            engine.create_disk(disk)
        return disk.name
    return ""


def start(
    ctx: Context, frame: ShadowFrame, platform: Platform, store: Store, shadow: list[Twin]
) -> tuple[ShadowFrame, str]:
    """Starts as many of the missing machines as may boot now, and plugs in the copies. Returns what is still awaited; empty: all
    serve.

    Raises Refused when a machine has ended, or can't go on.
    """
    engine = platform.engine
    there = {one.name: one for one in engine.list_machines(shadow_owner(frame.deployment))}
    missing = [twin.machine for twin in shadow if twin.machine.name not in there]
    place = place_for(store, platform, shadow_owner(frame.deployment), missing, frame.queue, ctx.now)
    began = ctx.now if place.afresh else frame.entered_at
    frame = frame.model_copy(update={"queue": place.queue, "entered_at": began})
    for wanted in missing[: place.admitted]:
        ctx.note(f"create:{wanted.name}", "machine.create", wanted.name, **machine_told(wanted), why="a rehearsal")
        engine.create_machine(wanted)
    late = [wanted.name for wanted in missing]
    for twin in shadow:
        machine = there.get(twin.machine.name)
        if machine is None:
            continue
        must_live(machine)
        if machine.phase is Phase.WAITING:
            for disk, _ in twin.disks:
                ctx.note(f"attach:{disk.name}", "disk.attach", disk.name, machine=machine.name)
                engine.attach_disk(disk.name, machine.name)
        if machine.phase is not Phase.SERVING:
            late.append(machine.name)
    if place.queued and not place.admitted:
        return frame, place.queued
    return frame, f"the shadow is booting; {len(shadow) - len(late)} of {len(shadow)} serve" if late else ""


def must_live(machine: Machine) -> None:
    """Raises Refused for a machine that has ended, or can't go on."""
    if machine.power is not Power.RUNNING or machine.phase is Phase.FAILED:
        why = f"machine {machine.name} of the shadow did not come up: {machine.detail or 'it ended by itself'}"
        raise Refused(why, code="machine-not-up")


def ask(ctx: Context, frame: ShadowFrame, platform: Platform, shadow: list[Twin]) -> tuple[ShadowFrame, list[str]]:
    """Asks every machine once. Returns those that aren't proven healthy yet, each with its last answer."""
    there = {one.name: one for one in platform.engine.list_machines(shadow_owner(frame.deployment))}
    health, doubtful = dict(frame.health), []
    for twin in shadow:
        name = twin.machine.name
        if name not in there:
            raise Refused(f"machine {name} of the shadow is gone", code="machine-not-up")
        must_live(there[name])
        health[name] = judge_health(
            health.get(name, Health()), _answer(platform, twin, there[name]), ctx.now, twin.health
        )
        if not proven(health[name], ctx.now, twin.health):
            doubtful.append(f"{name}: {health[name].detail}")
    return frame.model_copy(update={"health": health}), doubtful


def clear(ctx: Context, platform: Platform, deployment: str) -> list[str]:
    """Takes the whole shadow away. Returns the machines that were still there when we looked."""
    engine, owner = platform.engine, shadow_owner(deployment)
    there = [machine.name for machine in engine.list_machines(owner)]
    for name in there:
        ctx.note(f"delete:{name}", "machine.delete", name, why="its rehearsal is over")
        engine.delete_machine(name)
    for disk in engine.list_disks(owner) if not there else ():
        ctx.note(f"delete:{disk.name}", "disk.delete", disk.name, why="its rehearsal is over")
        engine.delete_disk(disk.name)
    return there


def _answer(platform: Platform, twin: Twin, machine: Machine) -> Answer:
    probe = twin.health.http or twin.health.tcp
    address = machine.addresses.get(probe.port) if probe else None
    if probe is None or address is None:
        return Answer(ok=False, detail="it can't be reached from the host")
    return platform.ask(probe, address, twin.health.timeout)
