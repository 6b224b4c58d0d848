"""Machines, their disks and their images, at each effect."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Moment, at

from stoneware.model.machine import Phase, Power
from stoneware.names import is_baseline

REHEARSAL = ".rehearsal"
WORKING = (Phase.STARTING, Phase.SERVING, Phase.QUIESCING)
CHANGING_WRITERS = {"attach_disk", "detach_disk", "create_machine", "start_machine"}


@at("after", *CHANGING_WRITERS)
def a_disk_has_one_writer(now: Moment) -> Iterator[str]:
    """3. Whoever works on disks has all of them, and so nobody else has."""
    writers = now.world.cloud.writers()
    for machine in now.world.cloud.contents():
        if machine.power is Power.RUNNING and machine.complete_at is not None:
            for disk in (mount.disk for mount in machine.wanted.disks):
                if writers.get(disk) != machine.wanted.name:
                    yield f"{machine.wanted.name} works on {disk}, which {writers.get(disk)} has"


@at("after", "create_machine")
def a_name_has_one_content(now: Moment) -> Iterator[str]:
    """4. A machine is never modified: whoever has its name, today or later, is made of the same."""
    for machine in now.world.cloud.contents():
        wanted = machine.wanted
        if wanted.name == now.name and now.memory.contents.setdefault(wanted.name, wanted) != wanted:
            yield f"{wanted.name} was {now.memory.contents[wanted.name]}, and is {wanted}"


@at("after", "create_machine", "start_machine")
def memory_is_not_overrun(now: Moment) -> Iterator[str]:
    """A host gets no more machines than it has memory for; while requests are held nothing waits."""
    limit, record = now.world.scenario.memory_bytes, now.world.act.record
    used = sum(one.memory_bytes for one in now.world.cloud.everything() if one.power is Power.RUNNING)
    held = record is not None and record.frame.get("held_since") is not None
    if limit is not None and used > limit and not held:
        yield f"{now.name} is the one too many: machines have {used} of {limit} bytes"


@at("before", "detach_disk")
def a_disk_leaves_who_has_let_go(now: Moment) -> Iterator[str]:
    """3. No disk is pulled out of a machine that works on it."""
    disk, _, name = now.name.partition("@")
    for machine in now.world.cloud.everything():
        if machine.name == name and disk in machine.attached and machine.phase in WORKING:
            yield f"{disk} is pulled out of {name}, which is {machine.phase}"


@at("after", "create_machine")
@at("before", "delete_machine")
def a_rollout_deletes_what_it_made(now: Moment) -> Iterator[str]:
    """4. Of the machines that were there before, a rollout deletes only those that can't go on, and those that it has noted as sick
    and to be made anew; a repair, those that it mends."""
    record = now.world.act.record
    if now.verb == "create_machine":
        now.memory.made_by[now.name] = now.world.act.operation
    if now.verb != "delete_machine" or record is None or record.kind != "rollout":
        return
    for machine in now.world.cloud.everything():
        sound = machine.power is not Power.GONE and machine.phase is not Phase.FAILED
        noted = (record.frame["replace"].get(now.name), record.frame["mending"].get(now.name, [None])[0])
        if machine.created_at in noted or _is_left_behind(now, machine.name, machine.owner):
            continue
        if machine.name == now.name and sound and now.memory.made_by.get(now.name) != record.id:
            yield f"{record.id} deletes {now.name}, which {now.memory.made_by.get(now.name)} made"


def _is_left_behind(now: Moment, machine: str, owner: str) -> bool:
    """Whether this is a helper of an operation that has ended without taking it away."""
    ended = "SELECT 1 FROM operations WHERE id = ? AND result IS NOT NULL"
    helps = is_baseline(machine) or owner.endswith(REHEARSAL)
    return helps and bool(now.world.rows(ended, now.memory.made_by.get(machine, "")))


@at("after", "create_disk", "delete_disk", "restore_disk", "delete_machine")
def a_disk_is_deleted_only_by_name(now: Moment) -> Iterator[str]:
    """Nobody in these histories asks for a disk to be deleted. The copies that a rehearsal works on are nobody's."""
    there = {disk.name for disk in now.world.cloud.list_disks() if not disk.owner.endswith(REHEARSAL)}
    gone = sorted(now.memory.disks - there)
    now.memory.disks = there
    if gone:
        yield f"disks are gone: {gone}"


@at("before", "delete_image")
def an_image_in_use_stays(now: Moment) -> Iterator[str]:
    """6. No image is deleted that a machine or a retained release has."""
    pinned = now.world.rows("SELECT deployment, number FROM release_images WHERE digest = ?", now.name)
    users = [m.wanted.name for m in now.world.cloud.contents() if m.wanted.digest == now.name]
    if pinned or users:
        yield f"image {now.name[:19]} is deleted while {pinned} pin it and {users} run it"
