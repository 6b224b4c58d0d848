"""What an image counts as now: the furthest state that was stored, whose timer has come, or that its revocation asks for.

Nothing here is ever written back. What is stored is what a person decided last; a timer needs nobody who watches it, so no
daemon that was down at the time can miss it.
"""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Standing, Timer
from stoneware.model.quantity import format_moment

RANKS = {ImageState.ACTIVE: 0, ImageState.DEPRECATED: 1, ImageState.OBSOLETE: 2}
"""The states of a published image, in their order."""

LEADS_TO = {
    Timer.DEPRECATE: ImageState.DEPRECATED,
    Timer.OBSOLETE: ImageState.OBSOLETE,
    Timer.DELETE: ImageState.OBSOLETE,  # until a prune has deleted it
}
"""The state that each timer stands for once it has come."""

WORDS = {
    Timer.DEPRECATE: "its time to be deprecated came at",
    Timer.OBSOLETE: "its time to be obsolete came at",
    Timer.DELETE: "its time to be deleted came at",
}


def effective_state(image: Image, now: float) -> ImageState:
    """The state that an image counts as at `now` (seconds since the epoch)."""
    return standing(image, now).state


def standing(image: Image, now: float) -> Standing:
    """The same, with what makes it so. Of two reasons for the same state, a revocation says most, and a person's word more
    than a timer."""
    if image.revoked_at is not None:
        state = ImageState.OBSOLETE if image.state in RANKS else image.state
        why = f"revoked: {image.revoked_reason}"
        return Standing(state=state, source="revocation", since=image.revoked_at, reason=why)
    found = Standing(state=image.state, source="stored", since=image.state_at, reason=image.state_reason)
    if image.state not in RANKS:
        return found
    for timer in Timer:
        at = time_of(image, timer)
        if at is not None and at <= now and RANKS[LEADS_TO[timer]] > RANKS[found.state]:
            why = f"{WORDS[timer]} {format_moment(at)}"
            found = Standing(state=LEADS_TO[timer], source="timer", since=at, reason=why)
    return found


def time_of(image: Image, timer: Timer) -> float | None:
    """When a timer of an image comes, or came."""
    at: float | None = getattr(image, timer.field)
    return at


def overruled(image: Image, state: ImageState, now: float) -> list[Timer]:
    """The timers that a decision for `state`, taken now, does away with: those that have come and say more than it."""
    return [
        timer
        for timer in Timer
        if (at := time_of(image, timer)) is not None and at <= now and RANKS[LEADS_TO[timer]] > RANKS[state]
    ]


def newest_active(images: Iterable[Image], now: float) -> Image | None:
    """What a family resolves to: of its images, the one with the highest number that counts as ACTIVE."""
    active = [image for image in images if effective_state(image, now) is ImageState.ACTIVE]
    return max(active, key=lambda image: image.number or 0, default=None)
