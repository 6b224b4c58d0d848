"""What a series of health answers adds up to."""

from __future__ import annotations

from stoneware.model.noun import Noun


class Health(Noun):
    """The memory of one machine's health.

    `streak` counts equal answers in a row: positive good, negative bad. `healthy` is the tolerant verdict (thresholds `up`
    and `down`); `since` is when the present unbroken row of good answers began, None while the last answer was bad.
    """

    streak: int = 0
    healthy: bool = False
    since: float | None = None
    asked_at: float = 0.0
    detail: str = "not asked yet"
