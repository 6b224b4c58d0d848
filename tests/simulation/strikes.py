"""Deaths and stalls of a process, at exact points: at the n-th effect, note or commit of a hand from now on."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.world import Act


class Killed(BaseException):
    """The process dies here: nothing after it runs, nothing of it is caught."""


@dataclass
class Strike:
    """`left` counts down; at 0 it strikes. `stall_s` is None for a death, else how long the process stands still."""

    hand: str
    left: int
    stall_s: float | None
    away_s: float = 0.0

    def hits(self, act: Act, when: str, verb: str) -> bool:
        """Whether it strikes at this point. A stall comes where the product can still find out: see `may_stall`."""
        if act.hand.name != self.hand:
            return False
        self.left -= 1
        return self.left <= 0 and (self.stall_s is None or may_stall(when, verb))


def may_stall(when: str, verb: str) -> bool:
    """A process that stands still between its last look at the lease and the effect can't be told from a slow network."""
    return verb in ("note", "commit") and when == "before"
