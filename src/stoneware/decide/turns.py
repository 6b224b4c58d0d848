"""A rolling update, one decision: which machines come and which go now, so that enough serve at every moment.

Between the looks anything may have happened; the same facts always lead to the same moves, so a repeated step does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Standing(Enum):
    """How far a machine is. An old one goes SERVING -> DRAINING -> GONE, a new one ABSENT -> COMING -> SERVING.

    SICK: it stands among those that serve, and doesn't.
    """

    ABSENT = auto()
    COMING = auto()
    SERVING = auto()
    SICK = auto()
    DRAINING = auto()
    GONE = auto()


@dataclass(frozen=True)
class Moves:
    """Machines to create, and machines that get nothing new from now on, by name."""

    create: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()


def next_moves(
    old: Sequence[tuple[str, Standing]],
    new: Sequence[tuple[str, Standing]],
    surge: int,
    unavailable: int,
    *,
    known: bool = False,
) -> Moves:
    """At most the larger size plus `surge` machines exist, at least the smaller size less `unavailable` serve.

    Where machines may be added, none goes before the first new one serves: the new version shows first that it can. A version
    that is `known` needn't, as on the way back.
    """
    most, least = max(len(old), len(new)) + surge, min(len(old), len(new)) - unavailable
    here = [name for name, how in old if how is not Standing.GONE]
    here += [name for name, how in new if how is not Standing.ABSENT]
    absent = [name for name, how in new if how is Standing.ABSENT]
    create = tuple(absent[: max(0, most - len(here))])
    serving = sum(how is Standing.SERVING for _, how in (*old, *new))
    shown = known or surge == 0 or any(how is Standing.SERVING for _, how in new)
    useless = [name for name, how in old if how is Standing.SICK]
    useful = [name for name, how in old if how is Standing.SERVING]
    drain = [*useless, *useful[: max(0, serving - least)]] if shown else []
    return Moves(create=create, drain=tuple(drain))


def is_done(old: Sequence[tuple[str, Standing]], new: Sequence[tuple[str, Standing]]) -> bool:
    """Every new machine serves, and no old one is left."""
    return all(how is Standing.GONE for _, how in old) and all(how is Standing.SERVING for _, how in new)
