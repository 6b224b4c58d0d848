"""What a history is made of, before it is played."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Quality(StrEnum):
    """What an image is like. All but GOOD come to light at some point of a rollout, or after it."""

    GOOD = "good"
    SLOW = "slow to boot"
    NEVER_BOOTS = "never boots"
    GIVES_UP = "fails when it has booted"
    SICK = "serves, but never answers"
    TIRES = "gets sick some seconds after it began to serve"
    COLLAPSES = "gets sick some seconds after it got traffic"
    ERRS = "answers, but often with an error"


@dataclass(frozen=True)
class Event:
    """Something that happens `at` seconds into the history: what, and with which particulars."""

    at: float
    kind: str
    facts: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(str(fact) for fact in self.facts)}".rstrip()


@dataclass(frozen=True)
class Scenario:
    """`pace_s` is how often a worker that has nothing to do looks again. `specs` are declarations as people write them:
    events name them by number. `boots` machines may boot at once (None: all), `requests_per_s` go to each that has traffic. All
    together may have `memory_bytes` (None: as much as they want).
    """

    seed: int
    pace_s: float
    boot_s: float
    hands: tuple[str, ...]
    families: tuple[str, ...]
    specs: tuple[dict[str, Any], ...]
    events: tuple[Event, ...]
    encore: str
    boots: int | None = None
    memory_bytes: int | None = None
    requests_per_s: int = 20

    def last_specs(self) -> dict[str, int]:
        """The number of each deployment's last declaration."""
        return {event.facts[0]: event.facts[1] for event in self.events if event.kind == "deploy"}
