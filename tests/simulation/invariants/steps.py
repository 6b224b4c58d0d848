"""After each step of an operation: what the store says, and what became of the traffic when it ended."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Memory, shares_of
from tests.simulation.world import Act, World

from stoneware.decide.fleet import pool_label
from stoneware.model.machine import Power
from stoneware.model.operation import OperationRecord, Result
from stoneware.names import service_key

AFTER_HOLDS = ("SOAKING", "DRAINING", "RETIRING", "DISCARDING")
WHILE_CLIENTS_STAY = ("SOAKING", "DRAINING", "AWAITING_APPROVAL", "AWAITING_DECISION")
STAYS_AFTER = (*AFTER_HOLDS, *WHILE_CLIENTS_STAY)


def current_moves_only_on_success(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """8. Desired state follows a success, and nothing else."""
    before, memory.current = memory.current, world.current()
    for name, number in memory.current.items():
        if number == before.get(name):
            continue
        last = world.store.operations.list(subject=name, unfinished=False, limit=1)
        ended = last[0] if last else None
        wanted = ended.frame.get("target") if ended and ended.result is Result.SUCCEEDED else before.get(name)
        if number != wanted:
            yield f"the current release of {name} became {number}; {ended.id if ended else 'nobody'} led to {wanted}"


def an_end_has_a_reason_and_its_traffic(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """5. An operation ends with a sentence; then the current release has the traffic, and no request is held."""
    if act.record is None:
        return
    [(result, token)] = world.rows("SELECT result, lease_token FROM operations WHERE id = ?", act.record.id)
    if (
        result is None or token != act.record.lease_token
    ):  # not yet, or another hand ended it while this one stood still
        return
    record = world.store.operations.get(act.record.id)
    if not record.because:
        yield f"{record.id} ended {record.result} without a reason"
    if record.result in (Result.SUCCEEDED, Result.REVERTED):
        yield from _wrong_traffic(world, record)


def clients_leave_in_time(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """Clients stay with the old version for `max_session`: who goes on after it, without an error, has ended that."""
    before = act.record
    if before is None or before.kind != "rollout" or before.state not in WHILE_CLIENTS_STAY:
        return
    if before.frame["switched_at"] is None:
        return
    after = world.store.operations.get(before.id)
    went_on = (after.state, after.wake_at) != (before.state, before.wake_at) and after.state in STAYS_AFTER
    if (
        not went_on or after.failures or after.result is not None
    ):  # it gave way to a destruction, and its step was dropped
        return
    began = world.clock.now() - (world.clock.elapsed - act.begun)
    release = world.store.releases.get(str(before.subject), before.frame["target"])
    for name, entry in release.spec.services.items():
        view = world.proxy.view(service_key(release.deployment, name))
        if view is not None and view.staying and began - before.frame["switched_at"] >= entry.max_session:
            yield f"{before.id}: clients stay with an old version of {name} longer than {entry.max_session:g}s"


def the_dead_keep_nothing(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """5. What ended needing a person wasn't kept from its end by a disk that a machine had which didn't run any more."""
    if act.record is None or act.record.kind != "rollout":
        return
    record = world.store.operations.get(act.record.id)
    if record.result is not Result.STUCK or "waiting for" not in record.because:
        return
    off = {machine.wanted.name for machine in world.cloud.contents() if machine.power is not Power.RUNNING}
    for disk, writer in world.cloud.writers().items():
        if writer in off and writer.startswith(f"{record.subject}-"):
            yield f"{record.id} ended {record.because!r}, and {writer}, which doesn't run, had {disk}"


def _wrong_traffic(world: World, record: OperationRecord) -> Iterator[str]:
    current = world.store.releases.current(record.subject)
    wanted = {service_key(record.subject, s): pool_label(current, s) for s in current.spec.services} if current else {}
    routes = [name for name in world.proxy.services() if name.startswith(f"{record.subject}.")]
    if set(routes) != set(wanted):
        yield f"{record.id} ended {record.result}: routes are {routes}, declared are {sorted(wanted)}"
    for service, label in wanted.items():
        view = world.proxy.view(service)
        if shares_of(view) != {label: 100}:
            how = "held" if view and view.held else shares_of(view)
            yield f"{record.id} ended {record.result}: {service} is {how}, not with {label}"


def a_hold_ends_with_its_switch(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """Requests wait while disks move, and not a state longer."""
    if act.record is None or act.record.kind != "rollout":
        return
    [(state,)] = world.rows("SELECT state FROM operations WHERE id = ?", act.record.id)
    if state in AFTER_HOLDS:
        for name, route in world.proxy.routes().items():
            if route.held and name.startswith(f"{act.record.subject}."):
                yield f"{act.record.id} is {state}, and requests to {name} still wait"


def nothing_surprises(world: World, memory: Memory, act: Act) -> Iterator[str]:
    """An exception that is nobody's answer is a fault of ours."""
    yield from world.surprises
