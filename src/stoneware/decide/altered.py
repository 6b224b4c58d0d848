"""Where a document that never changes isn't any more what it was: the places, never the values, which may be nobody's business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

WHOLE = "all of it"


def altered(now: Any, once: Any) -> tuple[str, ...]:
    """The places that differ (`spec.drift.ignore`), each as deep as it has a name; one that is there no more counts, too."""
    return tuple(".".join(place) or WHOLE for place in _places(now, once))


def _places(now: Any, once: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not (isinstance(now, dict) and isinstance(once, dict)):
        if now != once:
            yield at
        return
    for key in sorted({*now, *once}):
        if key not in now or key not in once:
            yield (*at, key)
        else:
            yield from _places(now[key], once[key], (*at, key))
