"""A rollout looks after the groups that it doesn't change: nobody else does while it is under way, and it may wait for days."""

from __future__ import annotations

from stoneware.decide.fleet import machine_names
from stoneware.model.machine import Phase, Power
from stoneware.operations.rollout import fleets, routes
from stoneware.operations.rollout.stage import Stage


def tend(stage: Stage) -> None:
    """Machines of those groups that died are made again, as often as their group declares; they are judged afresh."""
    for group in stage.bystanders:
        tries = stage.target.groups[group].spec.rollout.boot_tries
        names = [n for n in machine_names(stage.target, group) if n not in stage.tainted]
        down = [name for name in stage.not_in(names, Phase.SERVING) if stage.frame.tries.get(name, 0) < tries]
        if down:
            _make_again(stage, group, down)


def _make_again(stage: Stage, group: str, down: list[str]) -> None:
    stage.remember(health={name: known for name, known in stage.frame.health.items() if name not in down})
    dead = [n for n in down if (m := stage.machines.get(n)) and m.power in (Power.GONE, Power.STOPPED)]
    if fleets.release_disks(stage, dead):
        stage.look()
    fleets.ensure_machines(stage, stage.target, only=down)
    fleets.attach_disks(stage.look(), stage.target, [group])
    for service, entry in stage.target.spec.services.items():
        if entry.group == group:  # it may be at another place now; only here, for what others tell the proxy is drift
            routes.prepare(stage, stage.target, service)
