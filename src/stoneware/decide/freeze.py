"""Is an environment frozen now, and until when? Clocks on walls are read by the rules of their zone (the IANA database).

Where a wall clock shows a time twice, or never, a window is rather longer than shorter: it begins with the first and ends with
the last moment that could be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from stoneware.model.promotion_spec import DAYS, MIDNIGHT, FreezeSpec, clock_time, local_moment

MOST_WINDOWS = 400
"""One window may go over into the next; beyond so many it might as well never end."""


@dataclass(frozen=True)
class Frozen:
    """`until` is when nothing holds things up any more (seconds since the epoch); None: no end in sight."""

    until: float | None
    reason: str


def frozen(windows: Sequence[FreezeSpec], now: float) -> Frozen | None:
    """The freeze that holds now, over all windows that follow each other without a gap."""
    first = _longest(windows, now)
    if first is None:
        return None
    until, reason = first
    for _ in range(MOST_WINDOWS):
        following = _longest(windows, until)
        if following is None:
            return Frozen(until, reason)
        until = following[0]
    return Frozen(None, reason)


def _longest(windows: Sequence[FreezeSpec], at: float) -> tuple[float, str] | None:
    """The end of the window around a moment that ends last, and its reason."""
    around = [(end, window.reason) for window in windows for begin, end in _near(window, at) if begin <= at < end]
    return max(around, key=lambda one: one[0], default=None)


def _near(window: FreezeSpec, at: float) -> Iterator[tuple[float, float]]:
    """Beginning and end of each occurrence that a moment could be in."""
    zone = ZoneInfo(window.zone)
    if window.days is None:
        begin, end = local_moment(window.since or "", ends=False), local_moment(window.until or "", ends=True)
        yield _instant(begin, zone, last=False), _instant(end, zone, last=True)
        return
    since, until = clock_time(window.since or "00:00"), clock_time(window.until or MIDNIGHT)
    midnight = datetime.fromtimestamp(at, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for away in (-2, -1, 0, 1):
        day = midnight + timedelta(days=away)
        if DAYS[day.weekday()] in window.days:
            begin = day + timedelta(hours=since[0], minutes=since[1])
            end = day + timedelta(days=int(until <= since), hours=until[0], minutes=until[1])
            yield _instant(begin, zone, last=False), _instant(end, zone, last=True)


def _instant(shown: datetime, zone: ZoneInfo, *, last: bool) -> float:
    """When a clock of the zone shows this: the first such moment, or the last one."""
    both = [shown.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1)]
    return max(both) if last else min(both)
