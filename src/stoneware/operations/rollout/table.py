"""The rollout's rules as data: which state may follow which, how long each may last, and which signals it heeds."""

from __future__ import annotations

from stoneware.decide.fleet import holds
from stoneware.model.deployment import RolloutSpec
from stoneware.model.operation import SignalKind
from stoneware.model.release import Release
from stoneware.operations.rollout.frame import RolloutFrame

NEXT: dict[str, tuple[str, ...]] = {
    "PREPARING": ("REMOVING", "PROVISIONING", "REVERTING"),
    "REMOVING": ("PROVISIONING", "REVERTING"),
    "PROVISIONING": ("VERIFYING", "AWAITING_DECISION", "REVERTING"),
    "VERIFYING": (
        "AWAITING_APPROVAL",
        "CANARY",
        "ROLLING",
        "SNAPSHOTTING",
        "HOLDING",
        "SHIFTING",
        "AWAITING_DECISION",
        "REVERTING",
    ),
    "AWAITING_APPROVAL": (
        "VERIFYING",
        "CANARY",
        "ROLLING",
        "SNAPSHOTTING",
        "HOLDING",
        "SHIFTING",
        "SOAKING",
        "DRAINING",
        "AWAITING_DECISION",
        "REVERTING",
    ),
    "CANARY": (
        "CANARY",
        "AWAITING_APPROVAL",
        "ROLLING",
        "SNAPSHOTTING",
        "HOLDING",
        "SHIFTING",
        "AWAITING_DECISION",
        "REVERTING",
    ),
    "ROLLING": ("ROLLING", "SNAPSHOTTING", "HOLDING", "SHIFTING", "AWAITING_DECISION", "REVERTING"),
    "SNAPSHOTTING": ("REHEARSING", "HOLDING", "AWAITING_DECISION", "REVERTING"),
    "REHEARSING": ("HOLDING", "AWAITING_DECISION", "REVERTING"),
    "HOLDING": ("RESTORING", "HANDING_OVER", "REVERTING"),
    "RESTORING": ("HANDING_OVER", "REVERTING"),
    "HANDING_OVER": ("SHIFTING", "REVERTING"),
    "SHIFTING": ("SOAKING", "REVERTING"),
    "SOAKING": ("DRAINING", "AWAITING_APPROVAL", "AWAITING_DECISION", "REVERTING"),
    "DRAINING": ("RETIRING", "AWAITING_DECISION", "REVERTING"),
    "RETIRING": ("REVERTING",),
    "AWAITING_DECISION": (
        "PROVISIONING",
        "VERIFYING",
        "CANARY",
        "ROLLING",
        "SNAPSHOTTING",
        "REHEARSING",
        "AWAITING_APPROVAL",
        "SOAKING",
        "DRAINING",
        "REVERTING",
    ),
    "REVERTING": ("DISCARDING",),
    "DISCARDING": (),
}

GOING_BACK = frozenset({"REVERTING", "DISCARDING"})
"""The way back has no further way back: what goes wrong here is tried again, then a person must look."""

WAITING_FOR_A_PERSON = frozenset({"AWAITING_APPROVAL", "AWAITING_DECISION"})

PROMOTABLE = frozenset({"CANARY", "AWAITING_APPROVAL", "SOAKING"})

HURRIED = frozenset({"HOLDING", "RESTORING", "HANDING_OVER", "SHIFTING"})
"""Requests may be held here: no pause, and no waiting for a person's decision."""

WITH_TRAFFIC = frozenset({"CANARY", "ROLLING", "AWAITING_APPROVAL", "SOAKING", "DRAINING"})
"""The new version may have traffic here: it is watched, even while the rollout is paused."""

WATCH_S = 1.0
"""How often a rollout that is paused before that looks after who serves."""

MARGIN_S = 60.0
"""What a state may take beyond the time that its work is declared to take."""

SWITCH_S = 3.0
"""What the switch itself may take although the time for it is used up: the new side is healthy, and any way back takes longer."""

STOP_S = 45.0
"""What a machine may take to stop in order before it is ended by force: more than the grace of every engine."""


def deadline_of(state: str, target: Release, frame: RolloutFrame, source: Release | None = None) -> float | None:
    """Seconds that a state may last; None where only a person can end it.

    While requests are held, all states share one budget: half of what a request may wait, so that the way back has the
    other half. Of several groups whose requests wait, the most impatient decides. Who puts data back with a release, or
    recreates machines, takes the time that it takes: that isn't counted. (A recreation that waits in vain ends sooner:
    `recreating.py`.)
    """
    rollouts = [g.spec.rollout for g in target.groups.values()]
    health = [g.spec.health for g in target.groups.values()]
    progress = max(r.progress_deadline for r in rollouts)
    holding = [target.groups[g].spec.rollout for g in target.groups if holds(source, target, g)]
    recreates = any(r.strategy == "recreate" for r in holding)
    patience = min((r.hold_limit for r in holding), default=max(r.hold_limit for r in rollouts))
    match state:
        case "PREPARING":
            return MARGIN_S
        case "REMOVING":
            return max(r.drain for r in rollouts) + STOP_S + MARGIN_S
        case "VERIFYING" | "REHEARSING":
            return min(progress, max(h.deadline for h in health))
        case "CANARY":
            return max(_step_s(r, frame.step) for r in rollouts) + progress
        case "HANDING_OVER" if recreates:
            return progress + max(h.deadline for h in health)
        case "SHIFTING" if recreates:
            return min(progress, max(*(h.deadline for h in health), patience / 2))
        case "HOLDING" | "HANDING_OVER" | "SHIFTING":
            spent = max(0.0, frame.entered_at - frame.held_since) if frame.held_since and not frame.restore else 0.0
            left = patience / 2 - spent
            return max(left, SWITCH_S if state == "SHIFTING" else 0.0)
        case "SOAKING":
            extension = max(r.analysis.extend if r.analysis else 0.0 for r in rollouts)
            watched = max(r.bake_time for r in rollouts) + max(h.healthy_for for h in health)
            return watched + extension + sum(_commands_s(r) for r in rollouts) + MARGIN_S
        case "DRAINING":
            stays = max((s.max_session for s in target.spec.services.values() if s.sticky), default=0.0)
            return max(stays, *(r.drain for r in rollouts)) + MARGIN_S
        case "PROVISIONING" | "ROLLING" | "SNAPSHOTTING" | "RESTORING" | "RETIRING" | "REVERTING" | "DISCARDING":
            return progress
        case _:
            return None


def _step_s(spec: RolloutSpec, step: int) -> float:
    """How long a canary's step may last (seconds), less what may delay it."""
    steps = spec.canary_steps
    extension = spec.analysis.extend if spec.analysis else 0.0
    return steps[min(step, len(steps) - 1)].duration + extension + _commands_s(spec)


def _commands_s(spec: RolloutSpec) -> float:
    """How long the commands of an analysis may take (seconds), one after the other."""
    return sum(check.run.within for check in (spec.analysis.checks if spec.analysis else ()) if check.run)


def objection_to(signal: SignalKind, state: str, *, judged: bool) -> str | None:
    """Why a signal means nothing in a state; None when it is welcome. `judged`: a person is asked about what was judged."""
    if signal is SignalKind.APPROVE and state != "AWAITING_APPROVAL":
        failed = "; `stoneware retry` tries again" if state == "AWAITING_DECISION" else ""
        return f"nothing waits for approval: the rollout is {state}{failed}"
    in_doubt = state in WAITING_FOR_A_PERSON and (judged or state != "AWAITING_APPROVAL")
    if signal is SignalKind.RETRY and not in_doubt:
        return f"nothing has failed, and nothing is in doubt: the rollout is {state}"
    if signal is SignalKind.PROMOTE and state not in PROMOTABLE:
        return f"there is no step to skip: the rollout is {state}"
    if signal is SignalKind.PAUSE and state in HURRIED:
        return f"requests may be held while it is {state}; pause it before or after"
    if signal is SignalKind.PAUSE and state in GOING_BACK:
        return f"it is on its way back ({state}), which is never paused"
    if signal is SignalKind.ABORT and state in GOING_BACK:
        return f"it is on its way back already ({state})"
    return None
