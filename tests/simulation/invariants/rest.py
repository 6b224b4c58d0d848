"""When all is quiet, there is what is declared, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Memory, all_names
from tests.simulation.world import World

from stoneware.decide.fleet import wanted_machines
from stoneware.engines.fake import FakeMachine
from stoneware.model.machine import Power
from stoneware.model.operation import Result
from stoneware.model.release import Release, ReleaseState
from stoneware.names import rehearsal_owner


def the_ledger_holds(world: World, memory: Memory) -> Iterator[str]:
    """7. The chain verifies."""
    problem = world.store.ledger.verify()
    if problem:
        yield f"the ledger: {problem}"


def rows_say_what_the_ledger_says(world: World, memory: Memory) -> Iterator[str]:
    """7. What became of each release can be read from the ledger alone."""
    for (name,) in world.rows("SELECT name FROM deployments"):
        for edited in world.store.releases.edited_ends(name):
            yield f"{name}: {edited}"


def retained_releases_are_possible(world: World, memory: Memory) -> Iterator[str]:
    """6. Each image of each retained release is there."""
    gone = world.rows(
        "SELECT r.deployment, r.number, r.digest FROM release_images r LEFT JOIN images i ON i.digest = r.digest"
        " WHERE i.state IS NULL OR i.state = 'DELETED'"
    )
    for deployment, number, digest in gone:
        yield f"{deployment}#{number} is retained, and its image {digest[:19]} is deleted"


def what_runs_is_declared(world: World, memory: Memory) -> Iterator[str]:
    """No machine is left over, and none is missing."""
    for name in world.current():
        if _needs_a_person(world, name):
            continue
        current = world.store.releases.current(name)
        machines = [m for m in world.cloud.contents() if m.wanted.owner == name]
        running = {m.wanted.name for m in machines if m.power is Power.RUNNING}
        wanted = set(all_names(current)) if current else set()
        if running != wanted:
            yield f"{name}: running {sorted(running - wanted)} too much, {sorted(wanted - running)} missing"
        left = sorted(m.wanted.name for m in machines if _is_over(world, m, current))
        if left:
            yield f"{name}: left over {left}"
        if current:
            yield from _wrong_writers(world, current)


def no_helper_is_left(world: World, memory: Memory) -> Iterator[str]:
    """Baselines, and all that rehearsals made, are gone."""
    for name in world.current():
        if _needs_a_person(world, name):
            continue
        owners = (name, rehearsal_owner(name))
        machines = [m.wanted for m in world.cloud.contents() if m.wanted.owner in owners]
        left = [m.name for m in machines if m.owner != name or "-base-" in m.name]
        left += [disk.name for disk in world.cloud.list_disks(rehearsal_owner(name))]
        if left:
            yield f"helpers of {name} are left: {left}"


def no_request_waits(world: World, memory: Memory) -> Iterator[str]:
    """A hold ends."""
    held = [name for name, route in world.proxy.routes().items() if route.held]
    for name in [name for name in held if not _needs_a_person(world, name.partition(".")[0])]:
        yield f"requests to {name} still wait"


def images_here_are_images(world: World, memory: Memory) -> Iterator[str]:
    """The engine keeps no image that the catalog has deleted."""
    known = {digest for (digest,) in world.rows("SELECT digest FROM images WHERE state != 'DELETED'")}
    left = [digest[:19] for digest in world.cloud.images() if digest not in known]
    if left:
        yield f"the engine still has deleted images: {left}"


def nothing_is_left_undone(world: World, memory: Memory) -> Iterator[str]:
    """5. No operation is unfinished, and every release knows whether it is good."""
    for record in world.unfinished():
        yield f"{record.id} is unfinished: {record.state}"
    for name in world.current():
        for release in world.store.releases.list(name) if not _needs_a_person(world, name) else ():
            if release.state is ReleaseState.NEW:
                yield f"{name}#{release.number} is neither good nor bad"


def _needs_a_person(world: World, deployment: str) -> bool:
    """What is stuck, and what can't be repaired, is as it is until somebody comes."""
    last = world.store.operations.list(subject=deployment, unfinished=False, limit=1)
    return bool(last) and last[0].result is Result.STUCK


def _is_over(world: World, machine: FakeMachine, current: Release | None) -> bool:
    """Whether a machine should be gone: it doesn't run, and nobody can want it back."""
    group = current.groups.get(machine.wanted.group) if current else None
    keep_s = group.spec.rollout.keep_stopped if group else 0.0
    idle_s = world.clock.now() - (machine.stopped_at or machine.created_at)
    return machine.power is not Power.RUNNING and idle_s > keep_s


def _wrong_writers(world: World, current: Release) -> Iterator[str]:
    writers = world.cloud.writers()
    for group in current.groups:
        for machine in wanted_machines(current, group):
            for mount in machine.disks:
                if writers.get(mount.disk) != machine.name:
                    yield f"disk {mount.disk} of {machine.name} is with {writers.get(mount.disk)}"
