"""Time is passed in, never asked for: everything that needs `now` gets a Clock, so that tests and simulations own it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """`now()` is seconds since the epoch (UTC); `sleep` waits for that many seconds of the same time."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The host's own clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that only moves when told: `sleep` moves it. For simulations and tests."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)

    def set(self, now: float) -> None:
        """Jumps, as a clock does that was set."""
        self._now = now
