"""A rolling update: old and new machines take turns in the pool that has the traffic."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.health import is_down, proven
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


def advance(stage: Stage, group: str) -> Turn:
    """Creates, admits, drains and stops what is due in one group. Raises Refused when a new machine won't come up."""
    source, target = stage.source, stage.target
    if source is None:
        return Turn(done=True)
    spec = target.groups[group].spec
    judging.ask(stage, people(source, [group]) | people(target, [group]))
    behind = [s for s, entry in target.spec.services.items() if entry.group == group]
    services = [s for s in behind if s in source.spec.services and routes.has_some_traffic(stage, s)]
    _admit(stage, group, services)
    _set_pools(stage, services, source, group, done=False)
    old, new = _old(stage, source, group, services), _new(stage, group, services)
    moves = next_moves(old, new, *_room(spec))
    if moves.drain:
        stage.remember(draining={**stage.frame.draining, **dict.fromkeys(moves.drain, stage.ctx.now)})
        _set_pools(stage, services, source, group, done=False)
    booted = fleets.ensure_machines(
        stage, target, only=[*moves.create, *(n for n, how in new if how is not Standing.ABSENT)]
    )
    gone = _let_go(stage, services, source, group)
    if is_done(old, new):
        _set_pools(stage, services, source, group, done=True)
        for service in (s for s in behind if s not in services):
            routes.prepare(stage, target, service)  # new, or taken away: its first pool is the whole fleet
        return Turn(done=True)
    coming = [name for name, how in new if how is not Standing.SERVING]
    return Turn(done=False, awaits=_words(stage, coming), moved=bool(booted or moves.drain or gone))


def _room(spec: GroupSpec) -> tuple[int, int]:
    surge = spec.rollout.surge
    return (1 if surge is None else surge), spec.rollout.unavailable


def _admit(stage: Stage, group: str, services: list[str]) -> None:
    """A new machine joins the pool when its health is proven; it then stays, and the proxy judges it as well.

    One that is up in the pool was admitted by a step that died before its commit: a machine that should follow may have stopped
    for it.
    """
    spec, now = stage.target.groups[group].spec.health, stage.ctx.now
    there = _up(stage, services) or set()
    those = [n for n in names_of(stage.target, [group]) if n in there or proven(judging.health_of(stage, n), now, spec)]
    stage.remember(admitted=tuple(dict.fromkeys((*stage.frame.admitted, *those))))


def _old(stage: Stage, source: Release, group: str, services: list[str]) -> list[tuple[str, Standing]]:
    up = _up(stage, services)

    def standing(name: str) -> Standing:
        machine = stage.machines.get(name)
        if machine is None or machine.power is not Power.RUNNING:
            return Standing.GONE
        if name in stage.frame.draining:
            return Standing.DRAINING
        well = machine.phase is Phase.SERVING and not is_down(judging.health_of(stage, name))
        return Standing.SERVING if well and (up is None or name in up) else Standing.SICK

    return [(name, standing(name)) for name in names_of(source, [group])]


def _new(stage: Stage, group: str, services: list[str]) -> list[tuple[str, Standing]]:
    up = _up(stage, services)

    def standing(name: str) -> Standing:
        machine = stage.machines.get(name)
        if machine is None or machine.power is not Power.RUNNING:
            return Standing.ABSENT  # one that is warm still comes in its turn
        ready = name in stage.frame.admitted and (up is None or name in up)
        return Standing.SERVING if ready else Standing.COMING

    return [(name, standing(name)) for name in names_of(stage.target, [group])]


def _up(stage: Stage, services: list[str]) -> set[str] | None:
    """Who serves in every service of the group; None where there is no service to ask."""
    each = [routes.up_in_traffic(stage, service) for service in services]
    return set.intersection(*each) if each else None


def _set_pools(stage: Stage, services: list[str], source: Release, group: str, *, done: bool) -> None:
    for service in services:
        members = [] if done else _members(stage, source, source.spec.services[service].port, group)
        members += _members(stage, stage.target, stage.target.spec.services[service].port, group)
        routes.mix(stage, service, members, done=done)


def _members(stage: Stage, release: Release, port: int, group: str) -> list[Member]:
    """Who belongs into the pool: old ones until they stop, new ones once they are admitted."""
    found = []
    for name in names_of(release, [group]):
        machine, new = stage.machines.get(name), release is stage.target
        if machine is None or machine.power is not Power.RUNNING or (new and name not in stage.frame.admitted):
            continue
        if address := machine.addresses.get(port):
            away = name in stage.frame.draining or name in stage.kept_away
            found.append(Member(machine=name, address=address, draining=away))
    return found


def _let_go(stage: Stage, services: list[str], source: Release, group: str) -> list[str]:
    """Stops old machines that have answered their last request, or whose time to do so is over."""
    drain_s, over = stage.target.groups[group].spec.rollout.drain, []
    for name in names_of(source, [group]):
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


def _words(stage: Stage, coming: list[str]) -> str:
    if not coming:
        return "old machines are finishing their requests and stopping"
    return f"machines take turns, {some(coming)} to come; {judging.words(stage, coming)}"
