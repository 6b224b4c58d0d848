"""When is a machine healthy? Two answers from the same facts: a strict one to let it in, a tolerant one to throw it out.

Letting in asks for an unbroken row of good answers over a whole window that reaches up to now (one bad answer, or a gap
in the asking, starts it again). Throwing out waits for `down` bad answers in a row.
"""

from __future__ import annotations

from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.probe import Answer

ROUNDING_S = 0.0005
"""Times are declared in whole milliseconds; what is less is lost in the arithmetic of seconds since the epoch."""


def judge_health(before: Health, answer: Answer, now: float, spec: HealthSpec) -> Health:
    """The health after one more answer."""
    gap = bool(before.asked_at) and _is_gap(before.asked_at, now, spec)
    if not answer.ok:
        streak = min(before.streak, 0) - 1
        healthy = before.healthy and -streak < spec.down
        return Health(streak=streak, healthy=healthy, since=None, asked_at=now, detail=answer.detail)
    streak = 1 if gap else max(before.streak, 0) + 1
    since = now if before.since is None or gap else before.since
    return Health(
        streak=streak, healthy=before.healthy or streak >= spec.up, since=since, asked_at=now, detail=answer.detail
    )


def _is_gap(asked_at: float, now: float, spec: HealthSpec) -> bool:
    """Whether too much time lies between to know what was; always, when the clock was set back."""
    return not 0 <= now - asked_at <= 3 * spec.interval + spec.timeout


def is_up(health: Health, spec: HealthSpec) -> bool:
    """Good now, and for `up` answers in a row."""
    return health.healthy and health.streak >= spec.up


def proven(health: Health, now: float, spec: HealthSpec) -> bool:
    """Good now, and continuously for `healthy_for` seconds, as far as anyone has asked."""
    if health.since is None or not is_up(health, spec) or _is_gap(health.asked_at, now, spec):
        return False
    return health.asked_at - health.since >= spec.healthy_for - ROUNDING_S


def is_down(health: Health) -> bool:
    """Was healthy or never became so, and the last answers were bad beyond tolerance."""
    return not health.healthy and health.streak < 0
