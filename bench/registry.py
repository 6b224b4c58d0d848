"""A benchmark is a function with a name, a unit and perhaps a limit; what it returns becomes one line of output."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.ground import Ground


@dataclass(frozen=True)
class Figure:
    """What was measured: a sample a run. `peer` is what somebody else needs for the same, in the unit that `detail` says.

    Failures are `counted`, since a median would hide them: their value is the sum over all runs.
    """

    samples: Sequence[float]
    detail: str
    peer: float | None = None
    counted: bool = False

    @property
    def value(self) -> float:
        return sum(self.samples) if self.counted else statistics.median(self.samples)


@dataclass(frozen=True)
class Benchmark:
    """`limit` is the largest value that keeps the promise, `at_least` the smallest; None for both: it is for information."""

    name: str
    unit: str
    limit: float | None
    measure: Callable[[Ground], Figure]
    at_least: float | None = None


ALL: dict[str, Benchmark] = {}


def benchmark(
    name: str, unit: str, limit: float | None = None, at_least: float | None = None
) -> Callable[[Callable[[Ground], Figure]], Callable[[Ground], Figure]]:
    """Registers a function under its name."""

    def register(measure: Callable[[Ground], Figure]) -> Callable[[Ground], Figure]:
        ALL[name] = Benchmark(name, unit, limit, measure, at_least)
        return measure

    return register


def line(measured: Benchmark, figure: Figure) -> dict[str, Any]:
    """The output of a benchmark. `ratio` is the value over the peer's where there is a peer, else over the limit.

    A value that is such a ratio already stands for itself. `met` is None where there is no limit.
    """
    value, limit = figure.value, measured.limit
    met = None if limit is None else value <= limit
    if measured.at_least is not None:
        limit, met = measured.at_least, value >= measured.at_least
    ratio: float | None
    if figure.peer is not None:
        ratio = value if measured.unit == "ratio" else value / figure.peer
    else:
        ratio = value / limit if limit else None
    return {
        "name": measured.name,
        "value": _short(value),
        "unit": measured.unit,
        "peer": _short(figure.peer),
        "limit": limit,
        "ratio": _short(ratio),
        "met": met,
        "runs": len(figure.samples),
        "min": _short(min(figure.samples)),
        "max": _short(max(figure.samples)),
        "detail": figure.detail,
    }


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
