"""Checkpoints: signed notes of where the ledger ended. Copied elsewhere, they show later that it was cut off or written anew."""

from __future__ import annotations

from stoneware.model.noun import Noun

CHECKPOINT_TYPE = "application/vnd.stoneware.ledger-checkpoint+json"
"""The payload type of its envelope (DSSE)."""


class Checkpoint(Noun):
    """At `at` (seconds since the epoch) the ledger's last entry was number `seq`, with this hash."""

    seq: int
    hash: str
    at: float


class Verdict(Noun):
    """Whether a ledger's chain holds: `problem` is null, or names the first bad entry.

    `checkpoints` counts the signed ones that it was compared with. Who notes `entries` and `head` (the last entry's hash)
    elsewhere sees later that nothing was cut off or written anew.
    """

    problem: str | None
    entries: int
    head: str
    checkpoints: int = 0
