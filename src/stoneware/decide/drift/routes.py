"""Routes: whether the proxy sends requests where the current release says, as it says itself."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.sight import Sight
from stoneware.decide.fleet import machine_names, pool_label
from stoneware.model.drift import Drift
from stoneware.model.route import PoolView, RouteView


def route_drifts(sight: Sight) -> Iterator[Drift]:
    """Every difference in a service. At rest there is one pool, whole, with all the traffic."""
    for service, view in sight.routes.items():
        if service not in sight.release.spec.services:
            continue
        if view is None:
            yield sight.differs(
                "route.missing", service, f"pool {pool_label(sight.release, service)}", "no such service"
            )
            continue
        for where, expected, found in _differences(sight, service, view):
            yield sight.differs("route.changed", service, expected, found, where=where)
        yield from _weights(sight, service, view)
    yield from extra_services(sight)


def extra_services(sight: Sight) -> Iterator[Drift]:
    """Services with this deployment's name that no release declares which is current, or about to be."""
    for name in sight.extra_services:
        remedy = f"find out who made {name}, and end it"
        yield sight.differs("route.extra", name, "no such service", "a service of this name", remedy=remedy)


def _differences(sight: Sight, service: str, view: RouteView) -> Iterator[tuple[str, str, str]]:
    """Place, what is expected there, and what is there."""
    entry, label = sight.release.spec.services[service], pool_label(sight.release, service)
    pool = view.pools.get(view.active) if view.active else None
    if view.listen != entry.listen:
        yield "listen", entry.listen, view.listen
    if pool is None or pool.fleet != label:
        yield "active", label, pool.fleet if pool else "nobody"
    else:
        yield from _members(sight, service, pool)
    others = sorted(one.fleet for slot, one in view.pools.items() if slot != view.active)
    if others:
        yield "pools", "no other pool", ", ".join(others)
    if view.held:
        yield "held", "requests are passed on", "requests are held"
    if view.sticky != entry.sticky:
        yield "sticky", _stay(entry.sticky), _stay(view.sticky)
    yield from ((one, "only what Stoneware told it", one) for one in view.strange)
    if view.staying:
        yield "staying", "no clients stay elsewhere", f"clients stay at {', '.join(view.staying)}"


def _stay(sticky: bool) -> str:
    return "clients stay with a version" if sticky else "clients stay with none"


def _members(sight: Sight, service: str, pool: PoolView) -> Iterator[tuple[str, str, str]]:
    """One whose machine was made anew has another address soon: it counts as wrong where the machine itself is right."""
    entry = sight.release.spec.services[service]
    names = [name for name in machine_names(sight.release, entry.group) if name not in sight.aside]
    seen = {member.machine: member for member in pool.members}
    for name in names:
        machine, member = sight.machines.get(name), seen.get(name)
        address = machine.addresses.get(entry.port) if machine else None
        if member is None:
            yield name, f"a member at {address or 'its address'}", "no member"
        elif address and member.address != address:
            yield name, f"at {address}", f"at {member.address}"
        elif member.draining:
            yield name, "gets requests", "drains"
    for name in sorted(set(seen) - set(names)):
        yield name, "no member", f"a member at {seen[name].address}"


def _weights(sight: Sight, service: str, view: RouteView) -> Iterator[Drift]:
    for slot, percent in sorted(view.shares.items()):
        fleet = view.pools[slot].fleet if slot in view.pools else "nobody"
        yield sight.differs("route.weights", service, "0 %", f"{percent} % for {fleet}", where=slot)
