"""What is said of an image's life: what it counts as now, what reaches it, and what a prune would do."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from stoneware.model.image import ImageState
from stoneware.model.noun import Noun
from stoneware.model.quantity import Span


class Timer(StrEnum):
    """What can happen to a published image when its time comes."""

    DEPRECATE = "deprecate"
    OBSOLETE = "obsolete"
    DELETE = "delete"

    @property
    def field(self) -> str:
        """Where an image has its time: `deprecate_at`."""
        return f"{self.value}_at"


class Timers(Noun):
    """Times to come, as seconds from a moment on that the caller knows; None where there is none."""

    deprecate_in: Span | None = None
    obsolete_in: Span | None = None
    delete_in: Span | None = None

    def times(self, now: float) -> dict[Timer, float | None]:
        """When each timer that is given comes, in seconds since the epoch."""
        spans = {
            Timer.DEPRECATE: self.deprecate_in,
            Timer.OBSOLETE: self.obsolete_in,
            Timer.DELETE: self.delete_in,
        }
        return {timer: now + span for timer, span in spans.items() if span is not None}


class Standing(Noun):
    """What an image counts as now. `source` says what makes it so, `since` when that came, `reason` in words why."""

    state: ImageState
    source: Literal["stored", "timer", "revocation"]
    since: float
    reason: str = ""


class Reach(Noun):
    """One thing that reaches an image: `by` is its name, `text` the whole sentence."""

    kind: Literal["machine", "release", "operation", "family"]
    by: str
    text: str


class Doomed(Noun):
    """An image that a prune deletes, and why its time is over."""

    image: str
    digest: str
    size_bytes: int
    why: str


class Kept(Noun):
    """An image that a prune leaves alone. `over` is True when only what reaches it keeps it; `why` says the rest."""

    image: str
    digest: str
    over: bool
    why: str
    reasons: tuple[Reach, ...] = ()


class PrunePlan(Noun):
    """What a prune of images does now, and the reasons for what it leaves."""

    deletes: tuple[Doomed, ...]
    keeps: tuple[Kept, ...]
