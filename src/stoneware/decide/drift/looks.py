"""From look to look: what is seen for the first time, what has been seen often enough to count, and what is over.

Between two calls of an engine the world moves on, so one look may see what never was. What comes and goes by itself isn't
seen twice in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stoneware.model.drift import Drift
from stoneware.model.drift_classes import CLASSES

Key = tuple[str, str, str, str, float]


@dataclass(frozen=True)
class Sighting:
    """A difference, and how many looks in a row have shown it."""

    drift: Drift
    looks: int = 1

    @property
    def counts(self) -> bool:
        """Whether it was seen often enough."""
        return self.looks >= CLASSES[self.drift.kind].looks


@dataclass(frozen=True)
class Looks:
    """What is known after some looks. `begun` and `ended` are what the last one changed among those that count."""

    sightings: Mapping[Key, Sighting] = field(default_factory=dict)
    begun: tuple[Drift, ...] = ()
    ended: tuple[Drift, ...] = ()

    @property
    def drifts(self) -> list[Drift]:
        """Those that count."""
        return [one.drift for one in self.sightings.values() if one.counts]

    def counts(self, key: Key) -> bool:
        """Whether what has this key was seen often enough."""
        return key in self.sightings and self.sightings[key].counts

    @property
    def in_doubt(self) -> bool:
        """Whether another look, soon, would say more."""
        return any(not one.counts for one in self.sightings.values())


def after(before: Looks, seen: Sequence[Drift], stays: Callable[[Drift], bool] = lambda _: False) -> Looks:
    """What is known after one more look. `stays` says of what counted before that this look couldn't have seen it."""
    now = {key: one for key, one in before.sightings.items() if one.counts and stays(one.drift)}
    for drift in seen:
        known = before.sightings.get(drift.key)
        if known is None:
            now[drift.key] = Sighting(drift)
        else:
            fresh = drift.model_copy(update={"since": known.drift.since})
            now[drift.key] = Sighting(fresh, known.looks + 1)
    was = {key: one.drift for key, one in before.sightings.items() if one.counts}
    counting = {key: one.drift for key, one in now.items() if one.counts}
    begun = tuple(drift for key, drift in counting.items() if key not in was)
    ended = tuple(drift for key, drift in was.items() if key not in counting)
    return Looks(now, begun, ended)
