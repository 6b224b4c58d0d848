"""Whether a chain of entries still is the one that checkpoints speak of."""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.decide.chain import Chain
from stoneware.model.checkpoint import Checkpoint
from stoneware.model.ledger import GENESIS
from stoneware.model.quantity import format_moment


def contradiction(chain: Chain, checkpoints: Iterable[Checkpoint]) -> str | None:
    """None when the chain, which was followed to its end, has all that the checkpoints say; else a sentence naming what it hasn't.

    Of entries that were written anew the last good checkpoint and the first bad one are known, and so what stands between them.
    """
    good = 0
    for one in sorted(checkpoints, key=lambda one: (one.seq, one.at)):
        said = f"the checkpoint of {format_moment(one.at)}"
        if one.seq > chain.seq:
            return f"entry {chain.seq + 1} is missing: {said} has {one.seq} entries, the ledger {chain.seq}"
        if one.hash != (chain.known[one.seq] if one.seq else GENESIS):
            first, last = good + 1, one.seq
            which = f"entry {last} was" if first == last else f"one of the entries {first} to {last} was"
            return f"{which} written anew: {said} has another entry {last}"
        good = one.seq
    return None
