"""A rolling update: old and new machines take turns in the pool that has the traffic."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.health import is_down, is_up, proven
from stoneware.decide.turns import Standing, is_done, next_moves
from stoneware.model.deployment import GroupSpec
from stoneware.model.machine import Phase, Power
from stoneware.model.release import Release
from stoneware.model.route import Member
from stoneware.operations.rollout import fleets, judging, routes
from stoneware.operations.rollout.stage import Stage, names_of, people, some


@dataclass(frozen=True)
class Turn:
    """What one look at a group led to: whether it is through, and what is awaited otherwise."""

    done: bool
    awaits: str = ""
    moved: bool = False


@dataclass(frozen=True)
class Way:
    """Which release's machines go, and which ones come. On the way `back` those come that were there before."""

    going: Release
    coming: Release
    back: bool = False


def advance(stage: Stage, group: str) -> Turn:
    """Creates, admits, drains and stops what is due in one group. Raises Refused when a new machine won't come up."""
    if stage.source is None:
        return Turn(done=True)
    return _advance(stage, group, Way(stage.source, stage.target))


def retreat(stage: Stage, group: str) -> Turn:
    """The same on the way back, with the room that there was on the way here. Raises Refused when an old one won't come up."""
    if stage.source is None:
        return Turn(done=True)
    return _advance(stage, group, Way(stage.target, stage.source, back=True))


def turn_round(stage: Stage) -> None:
    """From here on the old machines come and the new ones go: who was about to leave stays where it is."""
    old = set(stage.old)
    services = stage.services_of(stage.rolling)
    pools = [v.pools[v.active] for s in services if (v := routes.read(stage, s)) and v.active]
    there = [m.machine for pool in pools for m in pool.members if m.machine in old]
    stage.remember(back_by_turns=True, draining={}, admitted=tuple(dict.fromkeys(there)))


def _advance(stage: Stage, group: str, way: Way) -> Turn:
    going, coming = way.going, way.coming
    judging.ask(stage, people(going, [group]) | people(coming, [group]))
    behind = [s for s, entry in coming.spec.services.items() if entry.group == group]
    services = [s for s in behind if s in going.spec.services and routes.has_some_traffic(stage, s)]
    _admit(stage, group, services, way)
    _set_pools(stage, services, group, way, done=False)
    old, new = _old(stage, group, services, way), _new(stage, group, services, way)
    moves = next_moves(old, new, *_room(stage.target.groups[group].spec), known=way.back)
    if moves.drain:
        stage.remember(draining={**stage.frame.draining, **dict.fromkeys(moves.drain, stage.ctx.now)})
        _set_pools(stage, services, group, way, done=False)
    booted = fleets.ensure_machines(
        stage, coming, only=[*moves.create, *(n for n, how in new if how is not Standing.ABSENT)]
    )
    gone = _let_go(stage, services, group, way)
    if is_done(old, new):
        _set_pools(stage, services, group, way, done=True)
        for service in (s for s in behind if s not in services):
            routes.prepare(stage, coming, service)  # new, or taken away: its first pool is the whole fleet
        return Turn(done=True)
    awaited = [name for name, how in new if how is not Standing.SERVING]
    return Turn(done=False, awaits=_words(stage, awaited), moved=bool(booted or moves.drain or gone))


def _room(spec: GroupSpec) -> tuple[int, int]:
    surge = spec.rollout.surge
    return (1 if surge is None else surge), spec.rollout.unavailable


def _admit(stage: Stage, group: str, services: list[str], way: Way) -> None:
    """A machine joins the pool when its health is proven, or is good on the way back; it then stays, and the proxy judges it as
    well.

    One that is up in the pool was admitted by a step that died before its commit: a machine that should follow may have stopped
    for it.
    """
    spec, there = way.coming.groups[group].spec.health, _up(stage, services) or set()

    def good(name: str) -> bool:
        health = judging.health_of(stage, name)
        return is_up(health, spec) if way.back else proven(health, stage.ctx.now, spec)

    those = [n for n in names_of(way.coming, [group]) if n in there or good(n)]
    stage.remember(admitted=tuple(dict.fromkeys((*stage.frame.admitted, *those))))


def _old(stage: Stage, group: str, services: list[str], way: Way) -> list[tuple[str, Standing]]:
    up = _up(stage, services)

    def standing(name: str) -> Standing:
        machine = stage.machines.get(name)
        if machine is None or machine.power is not Power.RUNNING:
            return Standing.GONE
        if name in stage.frame.draining:
            return Standing.DRAINING
        well = machine.phase is Phase.SERVING and not is_down(judging.health_of(stage, name))
        return Standing.SERVING if well and (up is None or name in up) else Standing.SICK

    return [(name, standing(name)) for name in names_of(way.going, [group])]


def _new(stage: Stage, group: str, services: list[str], way: Way) -> list[tuple[str, Standing]]:
    up = _up(stage, services)

    def standing(name: str) -> Standing:
        machine = stage.machines.get(name)
        if machine is None or machine.power is not Power.RUNNING:
            return Standing.ABSENT  # one that is warm still comes in its turn
        ready = name in stage.frame.admitted and (up is None or name in up)
        return Standing.SERVING if ready else Standing.COMING

    return [(name, standing(name)) for name in names_of(way.coming, [group])]


def _up(stage: Stage, services: list[str]) -> set[str] | None:
    """Who serves in every service of the group; None where there is no service to ask."""
    each = [routes.up_in_traffic(stage, service) for service in services]
    return set.intersection(*each) if each else None


def _set_pools(stage: Stage, services: list[str], group: str, way: Way, *, done: bool) -> None:
    for service in services:
        members = [] if done else _members(stage, way.going, service, group)
        members += _members(stage, way.coming, service, group, comes=True)
        routes.mix(stage, way.coming, service, members, done=done)


def _members(stage: Stage, release: Release, service: str, group: str, *, comes: bool = False) -> list[Member]:
    """Who belongs into the pool: those that go until they stop, those that come once they are admitted."""
    found, port = [], release.spec.services[service].port
    for name in names_of(release, [group]):
        machine = stage.machines.get(name)
        if machine is None or machine.power is not Power.RUNNING or (comes and name not in stage.frame.admitted):
            continue
        if address := machine.addresses.get(port):
            away = name in stage.frame.draining or name in stage.kept_away
            found.append(Member(machine=name, address=address, draining=away))
    return found


def _let_go(stage: Stage, services: list[str], group: str, way: Way) -> list[str]:
    """Stops machines that have answered their last request, or whose time to do so is over."""
    drain_s, over = stage.target.groups[group].spec.rollout.drain, []
    for name in names_of(way.going, [group]):
        since = stage.frame.draining.get(name)
        if since is None or name not in stage.machines or stage.machines[name].power is not Power.RUNNING:
            continue
        busy = any(_is_busy(stage, service, name) for service in services)
        if not busy or stage.ctx.now - since >= drain_s:
            over.append(name)
    return fleets.stop(stage, over)


def _is_busy(stage: Stage, service: str, name: str) -> bool:
    view = routes.read(stage, service)
    members = [m for pool in view.pools.values() for m in pool.members if m.machine == name] if view else []
    return any(m.open_requests for m in members)


def _words(stage: Stage, awaited: list[str]) -> str:
    if not awaited:
        return "those that leave are finishing their requests and stopping"
    return f"machines take turns, {some(awaited)} to come; {judging.words(stage, awaited)}"
