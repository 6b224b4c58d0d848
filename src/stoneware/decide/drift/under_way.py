"""While an operation is under way: what no state of any operation makes, so that nobody waits for its end to be found out.

Which machines there are, who of them has traffic and how much of it, is the operation's affair, and changes from look to look.
But every machine has a name that some release gave it; who has traffic runs; and a proxy does what it was told.
"""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.machines import extra_drift, made_as_declared, missing_drift
from stoneware.decide.drift.routes import extra_services
from stoneware.decide.drift.sight import Sight
from stoneware.model.drift import Drift
from stoneware.model.machine import Power
from stoneware.model.route import RouteView
from stoneware.names import is_baseline


def under_way_drifts(sight: Sight) -> Iterator[Drift]:
    """What differs whatever the operation is at."""
    places = {*sight.wanted, *sight.coming_places, *sight.aside}
    for machine in sight.machines.values():
        if machine.name not in places and not is_baseline(machine.name) and not sight.is_idle(machine):
            yield extra_drift(sight, machine)
    for service, view in sight.routes.items():
        if view is not None:
            for where, expected, found in _differences(sight, service, view):
                yield sight.differs("route.changed", service, expected, found, where=where)
    yield from extra_services(sight)
    if sight.coming:
        yield from _serving(sight)


def _serving(sight: Sight) -> Iterator[Drift]:
    """Machines that have traffic, and aren't there, or are otherwise than they were made: but for disks, which come and go, no
    rollout changes a machine. (A repair takes away what has traffic, and makes it anew.)"""
    declared = {**sight.wanted, **sight.coming_places}
    for name in sorted(sight.in_traffic - sight.aside):
        wanted, machine = declared.get(name), sight.machines.get(name)
        if wanted and (machine is None or machine.power is not Power.RUNNING):
            yield missing_drift(sight, wanted, machine)
        elif wanted and machine:
            yield from (one for one in made_as_declared(sight, wanted, machine) if one.kind != "machine.disk")


def _differences(sight: Sight, service: str, view: RouteView) -> Iterator[tuple[str, str, str]]:
    """Place, what is expected there, and what is there."""
    sides = [one for one in (sight.release, sight.coming) if one]
    listens = [one.spec.services[service].listen for one in sides if service in one.spec.services]
    if listens and view.listen not in listens:
        yield "listen", " or ".join(dict.fromkeys(listens)), view.listen
    yield from ((one, "only what Stoneware told it", one) for one in (*view.untold, *view.strange))
    for pool in view.pools.values():
        for member in pool.members:
            machine = sight.machines.get(member.machine)
            if machine is None or machine.power is not Power.RUNNING or machine.name in sight.arriving:
                continue
            if member.address not in machine.addresses.values():
                yield member.machine, "an address of its own", f"at {member.address}"
