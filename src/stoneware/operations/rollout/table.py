"""The rollout's rules as data: which state may follow which, how long each may last, and which signals it heeds."""

from __future__ import annotations

from stoneware.model.operation import SignalKind
from stoneware.model.release import Release
from stoneware.operations.rollout.frame import RolloutFrame

NEXT: dict[str, tuple[str, ...]] = {
    "PREPARING": ("PROVISIONING", "REVERTING"),
    "PROVISIONING": ("VERIFYING", "AWAITING_DECISION", "REVERTING"),
    "VERIFYING": ("AWAITING_APPROVAL", "HOLDING", "SHIFTING", "AWAITING_DECISION", "REVERTING"),
    "AWAITING_APPROVAL": ("HOLDING", "SHIFTING", "REVERTING"),
    "HOLDING": ("HANDING_OVER", "REVERTING"),
    "HANDING_OVER": ("SHIFTING", "REVERTING"),
    "SHIFTING": ("SOAKING", "REVERTING"),
    "SOAKING": ("DRAINING", "AWAITING_DECISION", "REVERTING"),
    "DRAINING": ("RETIRING", "REVERTING"),
    "RETIRING": ("REVERTING",),
    "AWAITING_DECISION": ("PROVISIONING", "VERIFYING", "SOAKING", "REVERTING"),
    "REVERTING": ("DISCARDING",),
    "DISCARDING": (),
}

GOING_BACK = frozenset({"REVERTING", "DISCARDING"})
"""The way back has no further way back: what goes wrong here is tried again, then a person must look."""

WAITING_FOR_A_PERSON = frozenset({"AWAITING_APPROVAL", "AWAITING_DECISION"})

HURRIED = frozenset({"HOLDING", "HANDING_OVER", "SHIFTING"})
"""Requests may be held here: no pause, and no waiting for a person's decision."""

MARGIN_S = 60.0
"""What a state may take beyond the time that its work is declared to take."""


def deadline_of(state: str, target: Release, frame: RolloutFrame) -> float | None:
    """Seconds that a state may last; None where only a person can end it.

    While requests are held, all states share one budget: half of what a request may wait, so that the way back has the
    other half.
    """
    rollouts = [g.spec.rollout for g in target.groups.values()]
    health = [g.spec.health for g in target.groups.values()]
    progress = max(r.progress_deadline for r in rollouts)
    match state:
        case "PREPARING":
            return MARGIN_S
        case "VERIFYING":
            return min(progress, max(h.deadline for h in health))
        case "HOLDING" | "HANDING_OVER" | "SHIFTING":
            spent = max(0.0, frame.entered_at - frame.held_since) if frame.held_since else 0.0
            return max(r.hold_limit for r in rollouts) / 2 - spent
        case "SOAKING":
            return max(r.bake_time for r in rollouts) + max(h.healthy_for for h in health) + MARGIN_S
        case "DRAINING":
            return max(r.drain for r in rollouts) + MARGIN_S
        case "PROVISIONING" | "RETIRING" | "REVERTING" | "DISCARDING":
            return progress
        case _:
            return None


def objection_to(signal: SignalKind, state: str) -> str | None:
    """Why a signal means nothing in a state; None when it is welcome."""
    if signal is SignalKind.APPROVE and state not in WAITING_FOR_A_PERSON:
        return f"nothing waits for approval: the rollout is {state}"
    if signal is SignalKind.PAUSE and state in HURRIED:
        return f"requests may be held while it is {state}; pause it before or after"
    if signal is SignalKind.PAUSE and state in GOING_BACK:
        return f"it is on its way back ({state}), which is never paused"
    if signal is SignalKind.ABORT and state in GOING_BACK:
        return f"it is on its way back already ({state})"
    return None
