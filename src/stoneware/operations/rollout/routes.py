"""What a rollout does to traffic: it sets whole routes and reads them back.

Two slots stand behind each service. The pool that has the traffic keeps its slot; the other slot is where the next pool is
prepared, and where the former one stays warm.
"""

from __future__ import annotations

from stoneware.decide.fleet import machine_names, pool_label
from stoneware.model.release import Release
from stoneware.model.route import Member, MemberState, Pool, Route, RouteView, Slot
from stoneware.names import service_key
from stoneware.operations.rollout.stage import Stage


def prepare(stage: Stage, release: Release, service: str, *, held: bool = False) -> None:
    """Puts a release's pool beside whatever has the traffic now, which keeps it."""
    view = _read(stage, service)
    _apply(stage, release, service, view, active=view.active if view else None, held=held)


def switch(stage: Stage, release: Release, service: str, *, held: bool = False) -> None:
    """Gives the traffic to a release's pool; the former pool stays beside it."""
    key = service_key(stage.target.deployment, service)
    stage.ctx.note(f"switch:{service}:{release.number}", "route.switch", key, release=str(release.number))
    view = _read(stage, service)
    _apply(stage, release, service, view, active=_slot_for(view, pool_label(release, service)), held=held)


def settle(stage: Stage, release: Release, service: str) -> None:
    """Leaves only a release's pool, with the traffic."""
    view = _read(stage, service)
    slot = _slot_for(view, pool_label(release, service))
    stage.platform.switch.apply(_route(release, service, {slot: _pool(stage, release, service)}, slot, held=False))


def remove(stage: Stage, service: str) -> None:
    """Ends a service."""
    key = service_key(stage.target.deployment, service)
    stage.ctx.note(f"unroute:{service}", "route.remove", key)
    stage.platform.switch.remove(key)


def unseen(stage: Stage, release: Release, service: str) -> list[str]:
    """Machines of a release that the proxy itself doesn't see up behind a service."""
    view = _read(stage, service)
    slot = view.slot_of(pool_label(release, service)) if view else None
    up = {m.machine for m in view.pools[slot].members if m.state is MemberState.UP} if view and slot else set()
    return [m for m in machine_names(release, release.spec.services[service].group) if m not in up]


def has_traffic(stage: Stage, release: Release, service: str) -> bool:
    """Whether the proxy says that this release answers a service, and that no request is held."""
    view = _read(stage, service)
    return bool(view and view.active and not view.held and view.slot_of(pool_label(release, service)) == view.active)


def open_requests(stage: Stage, service: str, *, active: bool) -> int:
    """Requests being answered now by the pool with the traffic, or by the other one."""
    view = _read(stage, service)
    if view is None:
        return 0
    pools = [pool for slot, pool in view.pools.items() if (slot == view.active) is active]
    return sum(stage.platform.switch.open_requests(view.service, pool.fleet) for pool in pools)


def _read(stage: Stage, service: str) -> RouteView | None:
    return stage.platform.switch.read(service_key(stage.target.deployment, service))


def _slot_for(view: RouteView | None, label: str) -> Slot:
    """The slot that holds this pool, else the one without traffic."""
    held = view.slot_of(label) if view else None
    return held or ("B" if view and view.active == "A" else "A")


def _pool(stage: Stage, release: Release, service: str) -> Pool:
    """The pool of a release behind a service: its machines that have an address now."""
    entry = release.spec.services[service]
    members = [
        Member(machine=name, address=address)
        for name in machine_names(release, entry.group)
        if (machine := stage.machines.get(name)) and (address := machine.addresses.get(entry.port))
    ]
    health = release.groups[entry.group].spec.health
    return Pool(fleet=pool_label(release, service), members=tuple(members), health=health)


def _apply(
    stage: Stage, release: Release, service: str, view: RouteView | None, *, active: Slot | None, held: bool
) -> None:
    slot = _slot_for(view, pool_label(release, service))
    pools: dict[Slot, Pool] = {slot: _pool(stage, release, service)}
    for other, seen in view.pools.items() if view else ():
        if other != slot:
            pools[other] = _as_known(stage, service, seen.fleet) or Pool(
                fleet=seen.fleet, members=tuple(Member(machine=m.machine, address=m.address) for m in seen.members)
            )
    stage.platform.switch.apply(_route(release, service, pools, active, held=held))


def _as_known(stage: Stage, service: str, label: str) -> Pool | None:
    """The pool with this label, as one of the two releases describes it today."""
    for release in (stage.target, stage.source):
        if release and service in release.spec.services and pool_label(release, service) == label:
            return _pool(stage, release, service)
    return None


def _route(release: Release, service: str, pools: dict[Slot, Pool], active: Slot | None, *, held: bool) -> Route:
    entry = release.spec.services[service]
    group = release.groups[entry.group].spec
    return Route(
        service=service_key(release.deployment, service),
        listen=entry.listen,
        pools=pools,
        active=active,
        held=held,
        hold_limit_s=group.rollout.hold_limit,
        health=group.health,
    )
