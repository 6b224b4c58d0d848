"""A rollout looks after those who serve and whom it doesn't change now: nobody else does while it is under way, and it may wait for
days. They are the groups that it doesn't change at all, and until anything of it moves, the old machines of the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.decide.fleet import machine_names, pool_label
from stoneware.model.machine import Phase, Power
from stoneware.model.release import Release
from stoneware.operations.rollout import fleets, routes
from stoneware.operations.rollout.stage import Stage


def tend(stage: Stage) -> None:
    """Machines of those groups that died are made again, as often as their group declares; they are judged afresh."""
    _tend(stage, stage.target, stage.bystanders)
    if stage.source and stage.frame.switched_at is None and not stage.frame.handed_over:
        _tend(stage, stage.source, [g for g in stage.replaced if g not in stage.rolling])


def _tend(stage: Stage, release: Release, groups: Iterable[str]) -> None:
    for group in groups:
        tries = release.groups[group].spec.rollout.boot_tries
        names = [n for n in machine_names(release, group) if n not in stage.tainted]
        down = [name for name in stage.not_in(names, Phase.SERVING) if stage.frame.tries.get(name, 0) < tries]
        if down:
            _make_again(stage, release, group, down)
        for service, entry in release.spec.services.items():
            if entry.group == group and _moved(stage, release, service):
                routes.prepare(stage, release, service)


def _make_again(stage: Stage, release: Release, group: str, down: list[str]) -> None:
    stage.remember(health={name: known for name, known in stage.frame.health.items() if name not in down})
    dead = [n for n in down if (m := stage.machines.get(n)) and m.power in (Power.GONE, Power.STOPPED)]
    if fleets.release_disks(stage, dead):
        stage.look()
    fleets.ensure_machines(stage, release, only=down)
    fleets.attach_disks(stage.look(), release, [group])


def _moved(stage: Stage, release: Release, service: str) -> bool:
    """Whether the proxy knows machines of a group at other places than where they are."""
    view = routes.read(stage, service)
    slot = view.slot_of(pool_label(release, service)) if view else None
    if view is None or slot is None:
        return False
    port = release.spec.services[service].port
    there = {name: m.addresses.get(port) for name, m in stage.machines.items()}
    return any(there.get(seen.machine, seen.address) not in (seen.address, None) for seen in view.pools[slot].members)
