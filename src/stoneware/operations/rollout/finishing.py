"""Who still finishes what was begun on the side that lost the traffic."""

from __future__ import annotations

from stoneware.operations.rollout import routes
from stoneware.operations.rollout.stage import Stage


def end_sessions(stage: Stage) -> None:
    """Clients stay with the old version for `max_session` and no longer, whatever else goes on there."""
    for service, entry in stage.target.spec.services.items():
        if stage.ctx.now - (stage.frame.switched_at or stage.ctx.now) >= entry.max_session:
            routes.end_stay(stage, service)


def still_old(stage: Stage) -> str:
    """What the old machines still have to do, as words; nothing when they are done or their time is over."""
    services, now = stage.target.spec.services, stage.ctx.now
    longest = max(group.spec.rollout.drain for group in stage.target.groups.values())
    answering = sum(routes.open_requests(stage, service, active=False) for service in services)
    clients = sum(
        routes.clients_left(stage, service)
        for service, entry in services.items()
        if now - (stage.frame.switched_at or now) < entry.max_session
    )
    if clients or (answering and now - stage.frame.entered_at < longest):
        return f"{answering} requests are open, {clients} clients stay with the old version"
    return ""


def still_new(stage: Stage) -> bool:
    """Whether, after a way back, the new machines still answer something that they may finish."""
    services = (stage.source or stage.target).spec.services
    longest = max(group.spec.rollout.drain for group in stage.target.groups.values())
    answering = sum(routes.open_requests(stage, service, active=False) for service in services)
    return answering > 0 and stage.ctx.now - stage.frame.entered_at < longest
