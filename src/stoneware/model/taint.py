"""Taint: what makes a machine one that nobody can vouch for any more. It goes with the machine, and with nothing else."""

from __future__ import annotations

from enum import StrEnum

from stoneware.model.noun import Noun


class TaintSource(StrEnum):
    """What a taint comes from: somebody was let in, or drift was found."""

    SHELL = "shell"
    DRIFT = "drift"


class Taint(Noun):
    """A mark on one very machine: `made_at` tells it from the one that gets its name next.

    `drained`: it gets no new requests from here on. `session` is the break-glass session that it comes from, if any. Times are
    seconds since the epoch; `ended_at` is when the machine was found to be gone, None while it is there.
    """

    id: int
    machine: str
    made_at: float
    deployment: str
    engine: str
    since: float
    actor: str
    reason: str
    source: TaintSource
    session: str = ""
    drained: bool = False
    ended_at: float | None = None

    @property
    def because(self) -> str:
        """`shell by ann@host: looking for the leak`."""
        return f"{self.source} by {self.actor}: {self.reason}"
