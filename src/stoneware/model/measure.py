"""What a proxy counted: answers, failures, and how long answers took, as a histogram."""

from __future__ import annotations

from stoneware.model.noun import Noun

BOUNDS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10000)
"""The histogram's upper bounds (milliseconds): each 1.3 to 2 times the one before."""


class Counters(Noun):
    """Counts since a proxy's start. `failed` are among `answers`: status 5xx, or no answer at all.

    `timed` of them were timed; `within[i]` of those took less than `BOUNDS_MS[i]`.
    """

    answers: int = 0
    failed: int = 0
    timed: int = 0
    within: tuple[int, ...] = (0,) * len(BOUNDS_MS)

    def plus(self, other: Counters) -> Counters:
        """Both together."""
        return self._with(other, 1)

    def since(self, before: Counters) -> Counters:
        """What came after `before`. A proxy that was started anew counts from nothing: then all of it came after."""
        restarted = self.answers < before.answers or self.timed < before.timed
        return self if restarted else self._with(before, -1)

    def _with(self, other: Counters, sign: int) -> Counters:
        return Counters(
            answers=self.answers + sign * other.answers,
            failed=max(0, self.failed + sign * other.failed),
            timed=self.timed + sign * other.timed,
            within=tuple(max(0, a + sign * b) for a, b in zip(self.within, other.within, strict=True)),
        )

    @property
    def failed_percent(self) -> float:
        """Failures in percent of all answers; 0 without answers."""
        return 100 * self.failed / self.answers if self.answers else 0.0

    def quantile_s(self, quantile: float) -> float | None:
        """The time (seconds) that this part of all answers didn't exceed, interpolated within its bucket.

        None without timed answers; infinite beyond the last bound.
        """
        if not self.timed:
            return None
        rank, below, lower = quantile * self.timed, 0, 0.0
        for bound, count in zip(BOUNDS_MS, self.within, strict=True):
            if count >= rank:
                inside = count - below
                return (lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)) / 1000
            below, lower = count, float(bound)
        return float("inf")
