"""What a rollout does to traffic: it sets whole routes and reads them back.

Two slots stand behind each service. The pool that has the traffic keeps its slot; the other slot is where the next pool is
prepared, and where the former one stays warm. A third one is for a baseline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stoneware.decide.fleet import machine_names, pool_label
from stoneware.model.machine import WantedMachine
from stoneware.model.measure import Counters
from stoneware.model.release import Release
from stoneware.model.route import Member, MemberState, Pool, Route, RouteView, Slot
from stoneware.names import service_key
from stoneware.operations.rollout.stage import Stage

BASELINE: Slot = "C"


def prepare(stage: Stage, release: Release, service: str, *, held: bool | None = None) -> None:
    """Puts a release's pool beside whatever has the traffic now, which keeps it. `held` None: requests wait if they did.

    A canary that was given up may have a share still. Whoever takes its place doesn't take its share.
    """
    view = read(stage, service)
    key = service_key(release.deployment, service)
    if held and not (view and view.held):
        stage.ctx.note(f"hold:{service}", "route.hold", key)
    held = bool(view and view.held) if held is None else held
    pools = _pools(stage, release, service, view) | _baseline_pool(stage, service)
    route = _route(release, service, pools, view.active if view else None, held=held)
    stays = _unchanged(view, pools)
    if view and view.shares and stays >= view.shares.keys():
        route = route.model_copy(update={"shares": view.shares, "sticky": view.sticky})
    elif view and view.shares:
        stage.ctx.note(f"share:{service}:0", "route.share", key, release=str(release.number), percent="0")
    staying = tuple(slot for slot in view.staying if slot in stays) if view else ()
    stage.platform.switch.apply(route.model_copy(update={"staying": staying}))


def share(stage: Stage, service: str, percent: int) -> list[str]:
    """Gives the target's pool a share of what is new; a baseline that is up gets what one machine of that share gets, out of
    what is left.

    Returns the machines that the proxy doesn't see up at that moment; then nothing was given.
    """
    target, key = stage.target, service_key(stage.target.deployment, service)
    stage.ctx.note(f"share:{service}:{percent}", "route.share", key, release=str(target.number), percent=str(percent))
    view = read(stage, service)
    missing = _missing(target, service, view)
    if missing:
        return missing
    shares = {_slot_for(view, pool_label(target, service)): percent}
    if _baseline_is_up(stage, service, view):
        size = target.groups[target.spec.services[service].group].spec.size
        shares[BASELINE] = min(100 - percent, max(1, round(percent / size)))
    pools = _pools(stage, target, service, view) | _baseline_pool(stage, service)
    route = _route(target, service, pools, view.active if view else None, held=False)
    stage.platform.switch.apply(route.model_copy(update={"shares": shares, "sticky": True}))
    return []


def kept_away(release: Release, service: str, view: RouteView, names: Collection[str]) -> Route:
    """The route as it is, but some machines get nothing new any more."""
    health = release.groups[release.spec.services[service].group].spec.health
    pools = {
        slot: Pool(
            fleet=seen.fleet,
            members=tuple(
                Member(machine=m.machine, address=m.address, draining=m.draining or m.machine in names)
                for m in seen.members
            ),
            health=health if seen.fleet == pool_label(release, service) else None,
        )
        for slot, seen in view.pools.items()
    }
    route = _route(release, service, pools, view.active, held=view.held)
    return route.model_copy(update={"shares": view.shares, "staying": view.staying})


def switch(stage: Stage, release: Release, service: str, *, held: bool = False, stay: bool = False) -> list[str]:
    """Gives the traffic to a release's pool; the former pool stays beside it. `stay`: its clients may finish there.

    Returns the machines that the proxy doesn't see up at that moment; then nothing was switched. Whoever asked before may have
    stood still since, at the ledger's door or anywhere.
    """
    key = service_key(stage.target.deployment, service)
    stage.ctx.note(f"switch:{service}:{release.number}", "route.switch", key, release=str(release.number))
    view = read(stage, service)
    missing = _missing(release, service, view)
    if missing:
        return missing
    slot = _slot_for(view, pool_label(release, service))
    pools = {s: pool for s, pool in _pools(stage, release, service, view).items() if s != BASELINE}
    route = _route(release, service, pools, slot, held=held)
    staying = tuple(s for s in sorted(pools) if s != slot) if stay and release.spec.services[service].sticky else ()
    stage.platform.switch.apply(route.model_copy(update={"staying": staying}))
    return []


def end_stay(stage: Stage, service: str) -> None:
    """From here on, clients of the former pool are answered by the pool with the traffic, as all others are."""
    view = read(stage, service)
    if view and view.staying:
        pools = _pools(stage, stage.target, service, view)
        stage.platform.switch.apply(_route(stage.target, service, pools, view.active, held=view.held))


def mix(stage: Stage, coming: Release, service: str, members: Sequence[Member], *, done: bool) -> None:
    """Makes the pool with the traffic exactly these machines: both versions, while they take turns. `done`: it is that of the
    release that was `coming`."""
    view = read(stage, service)
    if view is None or view.active is None:
        return
    _note_turns(stage, coming, service, done=done)
    label = pool_label(coming, service) if done else mixed_label(stage, service)
    health = coming.groups[coming.spec.services[service].group].spec.health
    pools = {view.active: Pool(fleet=label, members=tuple(members), health=health)}
    stage.platform.switch.apply(_route(coming, service, pools, view.active, held=False))


def _note_turns(stage: Stage, coming: Release, service: str, *, done: bool) -> None:
    """Who gets the requests is on record: from here on both versions, in the end one alone."""
    number = str(coming.number)
    key, verb = (f"switch:{service}:{number}", "route.switch") if done else (f"mix:{service}:{number}", "route.mix")
    stage.ctx.note(key, verb, service_key(coming.deployment, service), release=number)


def mixed_label(stage: Stage, service: str) -> str:
    """The name of a pool in which two versions take turns."""
    before = stage.source or stage.target
    old = pool_label(before, service) if service in before.spec.services else "none"
    return f"{old}..{pool_label(stage.target, service)}"


def settle(stage: Stage, release: Release, service: str) -> None:
    """Leaves only a release's pool, with the traffic."""
    view = read(stage, service)
    slot = _slot_for(view, pool_label(release, service))
    stage.platform.switch.apply(_route(release, service, {slot: _pool(stage, release, service)}, slot, held=False))


def remove(stage: Stage, service: str) -> None:
    """Ends a service."""
    key = service_key(stage.target.deployment, service)
    stage.ctx.note(f"unroute:{service}", "route.remove", key)
    stage.platform.switch.remove(key)


def unseen(stage: Stage, release: Release, service: str) -> list[str]:
    """Machines of a release that the proxy itself doesn't see up behind a service."""
    return _missing(release, service, read(stage, service))


def unseen_baseline(stage: Stage, service: str) -> list[str]:
    """The baseline of a service's canary, if it wants one and the proxy doesn't see it up."""
    baseline = _baseline(stage, service)
    return [baseline.name] if baseline and not _baseline_is_up(stage, service, read(stage, service)) else []


def up_in_traffic(stage: Stage, service: str) -> set[str]:
    """Machines in the pool with the traffic that the proxy sees up and sends something to."""
    view = read(stage, service)
    pool = view.pools.get(view.active) if view and view.active else None
    return {m.machine for m in pool.members if m.state is MemberState.UP and not m.draining} if pool else set()


def has_traffic(stage: Stage, release: Release, service: str) -> bool:
    """Whether the proxy says that this release alone answers what is new, and that no request is held."""
    view = read(stage, service)
    if view is None or view.active is None or view.held or view.shares:
        return False
    return view.slot_of(pool_label(release, service)) == view.active


def has_some_traffic(stage: Stage, service: str) -> bool:
    """Whether any pool behind a service has the traffic: none has where a destroy was turned back after it took the route away."""
    view = read(stage, service)
    return view is not None and view.active is not None


def has_share(stage: Stage, service: str, percent: int) -> bool:
    """Whether the proxy says that the target's pool has this share, and a baseline has one as long as it is up."""
    view = read(stage, service)
    slot = view.slot_of(pool_label(stage.target, service)) if view else None
    if view is None or slot is None or view.held or view.shares.get(slot) != percent:
        return False
    return percent == 100 or (BASELINE in view.shares) is _baseline_is_up(stage, service, view)


def open_requests(stage: Stage, service: str, *, active: bool) -> int:
    """Requests being answered now by the pool with the traffic, or by the others."""
    view = read(stage, service)
    if view is None:
        return 0
    pools = [pool for slot, pool in view.pools.items() if (slot == view.active) is active]
    return sum(stage.platform.switch.open_requests(view.service, pool.fleet) for pool in pools)


def open_requests_of(stage: Stage, names: Collection[str]) -> int:
    """Requests that some machines of the target are answering now, behind any service."""
    views = [view for service in stage.target.spec.services if (view := read(stage, service))]
    members = [member for view in views for pool in view.pools.values() for member in pool.members]
    return sum(member.open_requests for member in members if member.machine in names)


def clients_left(stage: Stage, service: str) -> int:
    """Clients that may finish on a pool which gets no new ones."""
    view = read(stage, service)
    return sum(view.pools[slot].sessions for slot in view.staying if slot in view.pools) if view else 0


def counters(stage: Stage, service: str) -> dict[str, Counters]:
    """What each machine behind a service has answered, by name."""
    return dict(stage.platform.switch.counters(service_key(stage.target.deployment, service)))


def read(stage: Stage, service: str) -> RouteView | None:
    """What is in force now."""
    return stage.platform.switch.read(service_key(stage.target.deployment, service))


def _missing(release: Release, service: str, view: RouteView | None) -> list[str]:
    up = _up(view, pool_label(release, service))
    return [m for m in machine_names(release, release.spec.services[service].group) if m not in up]


def _baseline_is_up(stage: Stage, service: str, view: RouteView | None) -> bool:
    baseline = _baseline(stage, service)
    return baseline is not None and baseline.name in _up(view, baseline.name)


def _baseline(stage: Stage, service: str) -> WantedMachine | None:
    """The machine that this service's canary is compared with."""
    group = stage.canary_services.get(service)
    return next((machine for machine in stage.baselines if machine.group == group), None)


def _up(view: RouteView | None, label: str) -> set[str]:
    slot = view.slot_of(label) if view else None
    return {m.machine for m in view.pools[slot].members if m.state is MemberState.UP} if view and slot else set()


def _slot_for(view: RouteView | None, label: str) -> Slot:
    """The slot that holds this pool, else the one without traffic."""
    held = view.slot_of(label) if view else None
    return held or ("B" if view and view.active == "A" else "A")


def _pool(stage: Stage, release: Release, service: str) -> Pool:
    """The pool of a release behind a service: its machines that have an address now."""
    entry = release.spec.services[service]
    members = [
        Member(machine=name, address=address, draining=name in stage.kept_away)
        for name in machine_names(release, entry.group)
        if name not in stage.leaving
        and (machine := stage.machines.get(name))
        and (address := machine.addresses.get(entry.port))
    ]
    health = release.groups[entry.group].spec.health
    return Pool(fleet=pool_label(release, service), members=tuple(members), health=health)


def _pools(stage: Stage, release: Release, service: str, view: RouteView | None) -> dict[Slot, Pool]:
    """A release's pool in its slot, and the others as they are. A baseline that isn't this rollout's was left behind, and goes."""
    slot = _slot_for(view, pool_label(release, service))
    pools: dict[Slot, Pool] = {slot: _pool(stage, release, service)}
    baseline = _baseline(stage, service)
    for other, seen in view.pools.items() if view else ():
        if other == BASELINE and (baseline is None or seen.fleet != baseline.name):
            continue
        if other != slot:
            members = [Member(machine=m.machine, address=m.address, draining=m.draining) for m in seen.members]
            pools[other] = _as_known(stage, service, seen.fleet) or Pool(fleet=seen.fleet, members=tuple(members))
    return pools


def _unchanged(view: RouteView | None, pools: Mapping[Slot, Pool]) -> set[Slot]:
    """The slots in which stands who stood there before."""
    return (
        {slot for slot, seen in view.pools.items() if slot in pools and pools[slot].fleet == seen.fleet}
        if view
        else set()
    )


def _baseline_pool(stage: Stage, service: str) -> dict[Slot, Pool]:
    """A canary's baseline in its slot, as soon as it has an address."""
    baseline = _baseline(stage, service)
    machine = stage.machines.get(baseline.name) if baseline else None
    address = machine.addresses.get(stage.target.spec.services[service].port) if machine else None
    if machine is None or address is None:
        return {}
    return {BASELINE: Pool(fleet=machine.name, members=(Member(machine=machine.name, address=address),))}


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
        sticky=entry.sticky,
        session_idle_s=entry.session_idle,
        finish_s=group.rollout.drain,
        held=held,
        hold_limit_s=group.rollout.hold_limit,
        health=group.health,
    )
