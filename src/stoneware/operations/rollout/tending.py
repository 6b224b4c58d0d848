"""A rollout looks after those who serve and whom it doesn't change now: nobody else does while it is under way, and it may wait for
days. They are the groups that it doesn't change at all and, until anything moves, the old machines of the others.

What is to be done about them is decided as at any other time (`decide/healing.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stoneware.decide.fleet import machine_names, pool_label
from stoneware.decide.healing import Condition, Healing, Relapses, heal
from stoneware.model.deployment import HealthSpec
from stoneware.model.machine import Phase, Power
from stoneware.model.release import Release
from stoneware.operations.rollout import fleets, judging, removing, routes
from stoneware.operations.rollout.stage import Stage, people


def tend(stage: Stage) -> None:
    """Machines of those groups that died are made again, and old ones that are sick, too; they are judged afresh."""
    tended = _tended(stage)
    asked: dict[str, HealthSpec] = {}
    for release, group in tended:
        asked |= people(release, [group])
    judging.ask(stage, asked)
    for release, group in tended:
        names = [name for name in machine_names(release, group) if name not in stage.tainted]
        ours = _go_on(stage, release, group, names)
        healing = _healing(stage, release, group, names)
        for one in healing.replace:
            since = (stage.machines[one.name].created_at, stage.ctx.now)
            stage.remember(mending={**stage.frame.mending, one.name: since})
        revive = [one.name for one in healing.revive if one.name not in ours or one.name not in stage.machines]
        if gone := [name for name in revive if _has_ended(stage, name) and name not in ours]:
            stage.died(
                stage.source or release, gone, f"{stage.ctx.record.id} makes {'it' if len(gone) == 1 else 'them'} anew"
            )
        if revive:
            _make_again(stage, release, revive)
        if coming := stage.not_in(names, Phase.SERVING):
            _settle(stage, release, group, coming)


def _tended(stage: Stage) -> list[tuple[Release, str]]:
    found = [(stage.target, group) for group in stage.bystanders]
    if stage.source and stage.frame.switched_at is None and not stage.frame.handed_over:
        found += [(stage.source, group) for group in stage.replaced if group not in stage.rolling]
    return found


def _healing(stage: Stage, release: Release, group: str, names: Sequence[str]) -> Healing:
    """What is to be done now. Who answers badly in a group that the rollout doesn't change leads back instead: it may well be
    the rollout's fault."""
    spec = release.groups[group].spec
    gone = [name for name in names if _is_lost(stage, name) or name in stage.frame.mending]
    unwell = [Condition(name, "died", lost=True, relapses=_relapses(stage, name)) for name in gone]
    for name in names if release is stage.source else ():
        known = judging.health_of(stage, name)
        if known.streak <= -spec.health.down and name not in gone:
            unwell.append(Condition(name, known.detail, relapses=_relapses(stage, name)))
    coming = [name for name in stage.not_in(names, Phase.SERVING) if name not in gone]
    return heal(group, spec.size, spec.rollout.unavailable - len(coming), unwell, stage.ctx.now)


def _relapses(stage: Stage, name: str) -> Relapses:
    known = Relapses(*stage.frame.healed.get(name, (0, 0.0)))
    return Relapses() if known.over(stage.ctx.now) else known


def _go_on(stage: Stage, release: Release, group: str, names: Collection[str]) -> list[str]:
    """Sick machines leave in order, until each is made anew: whatever the proxy thinks of them, they get nothing new. Returns those
    that are on this way."""
    mending = {
        name: (made_at, since)
        for name, (made_at, since) in stage.frame.mending.items()
        if (seen := stage.machines.get(name)) is None or seen.created_at == made_at
    }
    stage.remember(mending=mending)
    ours = [name for name in mending if name in names]
    going = [name for name in ours if name in stage.machines]
    if going:
        stage.kept_away |= frozenset(going)
        _tell_the_proxy(stage, release, group)
    for name in going:
        if not removing.is_leaving(stage, name, since=mending[name][1]):
            fleets.discard(stage, [name])
    return ours


def _make_again(stage: Stage, release: Release, names: Sequence[str]) -> None:
    """As many as may boot now. The next time that one falls ill, it has to wait for longer."""
    frame, now = stage.frame, stage.ctx.now
    stage.remember(tries={name: tries for name, tries in frame.tries.items() if name not in names})
    if fleets.release_disks(stage, [name for name in names if _has_ended(stage, name)]):
        stage.look()
    for name in fleets.ensure_machines(stage, release, only=names):
        again = _relapses(stage, name).again(now)
        stage.remember(healed={**stage.frame.healed, name: (again.times, again.last_at)})
    stage.look()


def _settle(stage: Stage, release: Release, group: str, coming: Collection[str]) -> None:
    """Who boots gets its disks, and is judged afresh when it serves. The proxy hears of its place, should it be another one now."""
    stage.remember(health={name: known for name, known in stage.frame.health.items() if name not in coming})
    fleets.attach_disks(stage, release, [group])
    _tell_the_proxy(stage, release, group)


def _tell_the_proxy(stage: Stage, release: Release, group: str) -> None:
    """Only of those that go and come, and only when it must: what others tell the proxy is drift."""
    for service, entry in release.spec.services.items():
        if entry.group == group and _is_behind(stage, release, service):
            routes.prepare(stage, release, service)


def _is_behind(stage: Stage, release: Release, service: str) -> bool:
    """Whether the proxy knows machines of a group at other places than where they are, or sends something new to those that go, or
    nothing to those that have come."""
    view = routes.read(stage, service)
    slot = view.slot_of(pool_label(release, service)) if view else None
    if view is None or slot is None:
        return False
    port = release.spec.services[service].port
    there = {name: machine.addresses.get(port) for name, machine in stage.machines.items()}
    return any(
        there.get(seen.machine, seen.address) not in (seen.address, None)
        or seen.draining != (seen.machine in stage.kept_away)
        for seen in view.pools[slot].members
    )


def _is_lost(stage: Stage, name: str) -> bool:
    return _has_ended(stage, name) or stage.machines[name].phase is Phase.FAILED


def _has_ended(stage: Stage, name: str) -> bool:
    seen = stage.machines.get(name)
    return seen is None or seen.power is not Power.RUNNING
