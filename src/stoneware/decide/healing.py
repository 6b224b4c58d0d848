"""Which machines of a group are made anew now, and if none, why not.

A machine that is lost (its process is gone, or it can't go on) takes nothing away when it is made again. One that runs but
is sick beyond tolerance is replaced within the disruption budget. When many are sick at once, replacing them helps nobody:
the image or the network is at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.model.quantity import format_time

STORM_PERCENT = 34
SMALL_GROUP = 2
"""Up to this many machines, the share of sick ones says nothing about what is at fault."""
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 900.0
FORGIVEN_S = 3600.0
"""After so much health a machine counts as one that never was sick (seconds)."""
MOST_NAMED = 3


@dataclass(frozen=True)
class Relapses:
    """How often a machine was made anew lately, and when the last time was (seconds since the epoch)."""

    times: int = 0
    last_at: float = 0.0

    def again(self, now: float) -> Relapses:
        """After one more time."""
        return Relapses(self.times + 1, now)

    def over(self, now: float) -> bool:
        """Whether they may be forgotten: a machine that is still unwell would have been made anew again since. Always, when the
        clock was set back."""
        return not 0 <= now - self.last_at < FORGIVEN_S

    def not_before(self) -> float:
        """When it may be made anew again: the pauses double, from 10 seconds to a quarter of an hour."""
        if not self.times:
            return 0.0
        return self.last_at + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.times - 1, 20))


@dataclass(frozen=True, slots=True)
class Condition:
    """A machine that isn't well: `lost`, `tainted`, or else sick. `why` is its last answer, or what became of it.

    A tainted one may serve as well as any: nobody can vouch for it any more, which says nothing about image or network."""

    name: str
    why: str
    lost: bool = False
    tainted: bool = False
    relapses: Relapses = Relapses()


@dataclass(frozen=True)
class Healing:
    """`revive` are lost and come back; `replace` are sick and made anew; `leave` are sick and stay as they are for now.

    `because` are sentences for people about those for which nothing is done now.
    """

    revive: tuple[Condition, ...] = ()
    replace: tuple[Condition, ...] = ()
    leave: tuple[Condition, ...] = ()
    because: tuple[str, ...] = ()


def heal(group: str, size: int, unavailable: int, unwell: Sequence[Condition], now: float) -> Healing:
    """What to do about the unwell machines of a group of `size`, of which `unavailable` may be missing."""
    lost = [one for one in unwell if one.lost]
    sick = sorted((one for one in unwell if not one.lost), key=_turn)
    revive = tuple(one for one in lost if _is_due(one, now))
    pausing = tuple(_pause(one, now) for one in unwell if not _is_due(one, now))
    ill = [one for one in unwell if not one.tainted]
    if sick and size > SMALL_GROUP and len(ill) * 100 > size * STORM_PERCENT:
        return Healing(revive, leave=tuple(sick), because=(_storm(group, size, ill), *pausing))
    budget = max(0, unavailable + 1 - len(lost))
    replace = tuple(one for one in sick if _is_due(one, now))[:budget]
    leave = tuple(one for one in sick if one not in replace)
    waiting = [one for one in leave if _is_due(one, now)]
    turns = (f"{_named(waiting)}: {_word(waiting)}, and waiting for their turn",) if waiting else ()
    return Healing(revive, replace, leave, (*turns, *pausing))


def _turn(one: Condition) -> tuple[bool, float, str]:
    """Who doesn't serve goes first."""
    return one.tainted, one.relapses.not_before(), one.name


def _word(some: Sequence[Condition]) -> str:
    kinds = {one.tainted for one in some}
    return "unwell" if len(kinds) == 2 else ("tainted" if True in kinds else "sick")


def _is_due(one: Condition, now: float) -> bool:
    """A clock that was set back doesn't hold anything up."""
    return now >= one.relapses.not_before() or now < one.relapses.last_at


def _pause(one: Condition, now: float) -> str:
    left = max(1, round(one.relapses.not_before() - now))
    times = "once" if one.relapses.times == 1 else f"{one.relapses.times} times"
    return f"{one.name} was made anew {times} lately and is unwell again ({one.why}); it is its turn in {format_time(left)}"


def _storm(group: str, size: int, unwell: Sequence[Condition]) -> str:
    return (
        f"{len(unwell)} of {size} machines of group {group} are unwell at once, more than {STORM_PERCENT} %: the image or the "
        f"network is at fault, so none that runs is replaced; {_named(unwell)}"
    )


def _named(some: Sequence[Condition]) -> str:
    words = [f"{one.name} ({one.why})" for one in some[:MOST_NAMED]]
    more = f" and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
    return ", ".join(words) + more
