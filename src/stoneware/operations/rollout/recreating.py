"""When to give up a recreation: no old machine serves meanwhile, so every moment of waiting in vain is an outage."""

from __future__ import annotations

from stoneware.model.machine import Phase
from stoneware.operations.rollout import judging
from stoneware.operations.rollout.stage import Stage, people, some


def in_vain(stage: Stage) -> tuple[str, str] | None:
    """The code and the sentence of why it is pointless to wait for the new machines any longer; None while there is hope.

    They get `deadline` of their health from when all of them run, as in every strategy. When requests wait no longer
    (`hold_limit`), who has died or answers badly gets no more time: only a boot that takes its time does.
    """
    new, now = people(stage.target, stage.recreated), stage.ctx.now
    if not new:
        return None
    late, over = stage.not_in(new, Phase.SERVING), _hold_is_over(stage)
    if late:
        stage.remember(up_since=None)
        died = [name for name in late if stage.frame.tries.get(name, 0) > 1]
        return ("machine-not-up", f"{some(died)} died and didn't come back, {over}") if died and over else None
    since = min(now, stage.frame.up_since or now)
    stage.remember(up_since=since)
    sick, waited_s = judging.sick(stage, new), now - since
    if not sick:
        return None
    deadline_s = max(new[name].deadline for name in sick)
    words = judging.words(stage, sick)
    if waited_s > deadline_s:
        return "machine-sick", f"not healthy within {deadline_s:g}s; {words}"
    if over and waited_s >= max(new[name].down * new[name].interval for name in sick):
        return "machine-sick", f"sick, {over}; {words}"
    return None


def _hold_is_over(stage: Stage) -> str:
    """That requests wait no longer, in words; nothing while they do, and where no service answers them."""
    since = stage.frame.held_since
    limit_s = min(stage.target.groups[group].spec.rollout.hold_limit for group in stage.held)
    if since is None or not stage.held_services or stage.ctx.now - since <= limit_s:
        return ""
    return f"and requests are refused since hold_limit ({limit_s:g}s) is over"
