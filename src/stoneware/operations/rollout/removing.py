"""How a sick machine goes: it finishes what it still answers, leaves the proxy, stops in order with its disks, and is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.errors import EngineError
from stoneware.model.machine import Power
from stoneware.operations.rollout import fleets, routes
from stoneware.operations.rollout.stage import Stage, some
from stoneware.operations.rollout.table import STOP_S


def doomed(stage: Stage) -> list[str]:
    """The sick machines that are there still. One that was made since has the same name and another age."""
    return [
        name
        for name, made_at in stage.frame.replace.items()
        if (seen := stage.machines.get(name)) and seen.created_at == made_at
    ]


def remove(stage: Stage) -> str:
    """Does the next thing to the sick machines. Returns what is awaited; empty when all are gone."""
    going = doomed(stage)
    if not going:
        return ""
    spent_s = stage.ctx.now - stage.frame.entered_at
    _keep_away(stage, going)
    if spent_s < _drain_s(stage, going) and _answering(stage, going):
        return f"sick machines answer their last requests: {some(going)}"
    stage.leaving = frozenset(going)
    for service in stage.target.spec.services:
        routes.prepare(stage, stage.target, service)
    if spent_s < _drain_s(stage, going) + STOP_S and _stopping(stage, going):
        return f"sick machines are stopping: {some(going)}"
    fleets.discard(stage, going)
    return f"sick machines are going: {some(going)}"


def is_leaving(stage: Stage, name: str, *, since: float) -> bool:
    """One sick machine, which gets nothing new since that time: whether it still ends in order."""
    spent_s, drain_s = stage.ctx.now - since, _drain_s(stage, [name])
    if spent_s < drain_s and _answering(stage, [name]):
        return True
    return spent_s < drain_s + STOP_S and _stopping(stage, [name])


def _keep_away(stage: Stage, going: Sequence[str]) -> None:
    """The proxy sends nothing new to a sick machine; to a tainted one, which may be well, only when it is told so."""
    tainted = frozenset(name for name in going if name in stage.tainted)
    if tainted:
        stage.kept_away |= tainted
        for service in stage.target.spec.services:
            routes.prepare(stage, stage.target, service)


def _drain_s(stage: Stage, names: Sequence[str]) -> float:
    groups = {stage.machines[name].group for name in names}
    return max(stage.target.groups[group].spec.rollout.drain for group in groups if group in stage.target.groups)


def _answering(stage: Stage, names: Sequence[str]) -> bool:
    """Whether one that still runs has requests to answer."""
    running = {name for name in names if stage.machines[name].power is Power.RUNNING}
    return routes.open_requests_of(stage, running) > 0


def _stopping(stage: Stage, names: Sequence[str]) -> bool:
    """Asks them to stop. A sick machine may not even be told to: then it is awaited, and in the end ended by force."""
    try:
        return bool(fleets.stop(stage, names))
    except EngineError as deaf:
        stage.ctx.log(f"a sick machine can't be stopped in order: {deaf}")
        return True
