"""Who gets the requests."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Moment, at, changes, declared, fleet_of, is_mixed, shares_of

from stoneware.model.route import MemberState
from stoneware.names import is_baseline

BOTH = ("canary", "rolling")
ENDING = {"stop_machine", "delete_machine", "quiesce_machine"}


@at("after", "apply", "remove")
def only_full_strength_gets_traffic(now: Moment) -> Iterator[str]:
    """1. A fleet that gets more than before is whole at that moment, and the proxy sees all of it up. What a baseline doesn't get
    any more is its own fleet's again."""
    view = now.world.proxy.view(now.name)
    before, shares = now.memory.shares.get(now.name, {}), shares_of(view)
    now.memory.shares[now.name] = shares
    for fleet, percent in shares.items():
        gained = (
            percent - before.get(fleet, 0) - sum(had for name, had in before.items() if _is_baseline_of(name, fleet))
        )
        gained += sum(has for name, has in shares.items() if _is_baseline_of(name, fleet))
        if (
            view is None
            or percent <= before.get(fleet, 0)
            or gained <= 0
            or is_mixed(fleet)
            or _had_it_all_along(now, fleet)
        ):
            continue
        members = next(pool.members for pool in view.pools.values() if pool.fleet == fleet)
        up = {member.machine for member in members if member.state is MemberState.UP}
        whole = declared(now.world, now.memory, now.name, fleet)
        weak = sorted(set(whole) - up)
        if weak or not whole:
            yield f"{now.name} gave {percent} % to {fleet} while {weak or 'nobody'} was not up"
    if view is None or not view.held:
        now.memory.waiting.pop(now.name, None)


def _is_baseline_of(machine: str, label: str) -> bool:
    """Whether a machine is a baseline of the fleet that a pool's label names."""
    return is_baseline(machine) and label.startswith(machine.partition("base-")[0])


@at("before", *ENDING)
@at("after", "apply")
def requests_wait(now: Moment) -> Iterator[str]:
    """No invariant: remembers who had the requests before they had to wait, and which machines were disturbed since."""
    if now.when == "before":
        now.memory.disturbed_at[now.name] = now.world.clock.elapsed
    else:
        view, before = now.world.proxy.view(now.name), now.memory.shares.get(now.name, {})
        if view is not None and view.held and before:
            now.memory.waiting[now.name] = (now.world.clock.elapsed, before)
    yield from ()


def _had_it_all_along(now: Moment, fleet: str) -> bool:
    """Whether requests have only waited, and whoever had them before goes on with them, as it was."""
    since, shares = now.memory.waiting.get(now.name, (0.0, {}))
    machines = declared(now.world, now.memory, now.name, fleet)
    return fleet in shares and not any(now.memory.disturbed_at.get(name, -1.0) >= since for name in machines)


@at("after", "apply", "remove")
def one_version_serves(now: Moment) -> Iterator[str]:
    """2. Shares sum to 100, and a second version gets some only where that is declared. Machines of one image that are made anew
    by turns are one version."""
    view = now.world.proxy.view(now.name)
    shares = shares_of(view)
    if shares and (sum(shares.values()) != 100 or min(shares.values()) < 1):
        yield f"{now.name} is shared like this: {shares}"
    pools = [pool for pool in view.pools.values() if pool.fleet in shares] if view else []
    versions = {fleet_of(member.machine) for pool in pools for member in pool.members}
    before = now.memory.versions.get(now.name, set())
    now.memory.versions[now.name] = versions
    if len(versions) > 1 and not versions <= before:
        images = {one.wanted.digest for one in now.world.cloud.contents() if fleet_of(one.wanted.name) in versions}
        both = [
            one
            for one in changes(now.world)
            if (one.record.frame["by_turns"] and len(images) == 1)
            or (one.rollout.strategy in BOTH and not one.record.frame["rollback"])
        ]
        if not any(versions <= set(one.fleets()) for one in both):
            yield f"{now.name} is answered by {sorted(versions)}, which nobody declared"


@at("before", *ENDING)
def nobody_is_ended_who_serves(now: Moment) -> Iterator[str]:
    """A machine that answers requests is not stopped, deleted or told to let go of its disks."""
    for service in now.world.proxy.services():
        view = now.world.proxy.view(service)
        for fleet in shares_of(view):
            assert view is not None
            members = [member for pool in view.pools.values() if pool.fleet == fleet for member in pool.members]
            if any(m.machine == now.name and m.state is MemberState.UP and not m.draining for m in members):
                yield f"{now.verb} {now.name}, which serves {service}"


@at("after", "apply")
def a_busy_time_begins(now: Moment) -> Iterator[str]:
    """No invariant: tells the cloud which machines have traffic, for those images that bear none."""
    view = now.world.proxy.view(now.name)
    for fleet in shares_of(view):
        assert view is not None
        for member in (m for pool in view.pools.values() if pool.fleet == fleet for m in pool.members):
            now.world.cloud.busy_since.setdefault(member.machine, now.world.clock.elapsed)
    yield from ()
