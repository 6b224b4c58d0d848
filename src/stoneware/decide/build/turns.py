"""Whose turn it is: which queued builds begin now, which have waited too long, which are overtaken by newer ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Queued:
    """A build that waits. Times in seconds since the epoch; `queue_ttl_s` is how long it may wait.

    Builds of one `lane` overtake each other: only the newest of them is worth building. Those without a lane never do.
    """

    id: str
    queued_at: float
    queue_ttl_s: float
    lane: str = ""


@dataclass(frozen=True)
class Turns:
    """Builds to begin, in this order; builds that have expired; builds to cancel, each with the newer one in its place."""

    begin: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    overtaken: tuple[tuple[str, str], ...] = ()


def turns(queued: Sequence[Queued], under_way: int, most: int, now: float) -> Turns:
    """First come, first served, while fewer than `most` are under way. A build that has to wait longer than it may is expired,
    and doesn't begin any more, even when there is room (Cloud Build v1, `Build.queueTtl`)."""
    in_order = sorted(queued, key=lambda one: one.queued_at)
    newest = {one.lane: one.id for one in in_order if one.lane}
    overtaken = tuple((one.id, newest[one.lane]) for one in in_order if one.lane and newest[one.lane] != one.id)
    gone = {old for old, _ in overtaken}
    left = [one for one in in_order if one.id not in gone]
    expired = tuple(one.id for one in left if now - one.queued_at > one.queue_ttl_s)
    waiting = [one.id for one in left if one.id not in expired]
    return Turns(tuple(waiting[: max(0, most - under_way)]), expired, overtaken)
