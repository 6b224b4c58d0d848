"""The installation's clock: whether it goes on from where the ledger was written."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.sight import Sight
from stoneware.model.drift import Drift
from stoneware.model.quantity import format_moment

STEP_S = 5.0
"""What a clock that is kept right may be set back by at once."""


def clock_drifts(sight: Sight) -> Iterator[Drift]:
    """A clock that was set back hides how old things are, and lets what had ended begin again."""
    if sight.now + STEP_S < sight.written_at:
        expected, remedy = f"later than {format_moment(sight.written_at)}", "find out who set it back, and set it right"
        yield sight.differs("clock.back", "clock", expected, format_moment(sight.now), remedy=remedy)
