"""The ledger: what happened, in order, each entry chained to the one before by its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stoneware.model.noun import Noun

GENESIS = "0" * 64
"""What stands as the hash of the entry before the first."""


class Fact(Noun):
    """Something that happened: `verb` such as `image.publish`, `subject` such as `critter-web/2`, details as strings."""

    verb: str
    subject: str
    actor: str
    reason: str = ""
    details: dict[str, str] = {}


class LedgerEntry(Noun):
    """A fact with its place in the chain. `hash` covers everything else, the previous hash included."""

    seq: int
    at: float
    fact: Fact
    previous: str
    hash: str


def canonical(fact: Fact) -> dict[str, Any]:
    """A fact with its keys in the order of the alphabet: the one form in which it is written and its hash is taken."""
    whole = fact.model_dump(mode="json")
    whole["details"] = dict(sorted(whole["details"].items()))
    return dict(sorted(whole.items()))


def compact(value: Any) -> str:
    """JSON without blanks, in ASCII, keys as they come."""
    return json.dumps(value, separators=(",", ":"))


def entry_hash(seq: int, at: float, fact: Fact, previous: str) -> str:
    """SHA-256 over the canonical JSON of an entry without its own hash."""
    whole = {"at": at, "fact": canonical(fact), "previous": previous, "seq": seq}
    return hashlib.sha256(compact(whole).encode()).hexdigest()
