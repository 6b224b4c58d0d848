"""How a machine came to be, read from what the ledger has of it."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.model.history import Origin
from stoneware.model.ledger import LedgerEntry


def origin(made: LedgerEntry, events: Sequence[LedgerEntry], known: Sequence[LedgerEntry]) -> Origin:
    """`made` is the entry of its making, `events` are all of the machine; `known` may have the beginnings of its operation, its
    release and its image, and others that don't concern it."""
    details = made.fact.details
    operation, digest = details.get("operation", ""), details["digest"]
    behind = [one for one in known if _concerns(one, operation, digest)]
    begun = next((one for one in behind if one.fact.verb.endswith(".begin")), made)
    staged = [one.fact for one in behind if one.fact.verb == "image.stage"]
    published = [one.fact.subject for one in behind if one.fact.verb == "image.publish"]
    release = next((one.fact for one in behind if one.fact.verb == "release.create"), None)
    pinned = release.details.get(details.get("group", ""), "").partition(" ")[0] if release else ""
    return Origin(
        machine=made.fact.subject,
        digest=digest,
        image=pinned or (published[-1] if published else ""),
        commit=staged[-1].details.get("commit", "") if staged else "",
        deployment=details.get("owner", "").partition(".")[0],
        release=int(details.get("release", 0)),
        operation=operation,
        asked_by=begun.fact.actor,
        why=begun.fact.reason or (release.reason if release else ""),
        exists=events[-1].fact.verb != "machine.delete",
        made=tuple(sorted(behind, key=lambda one: one.seq)),
        events=tuple(events),
    )


def _concerns(entry: LedgerEntry, operation: str, digest: str) -> bool:
    fact = entry.fact
    if fact.verb.endswith(".begin"):
        return fact.details.get("operation") == operation
    if fact.verb.startswith("image."):
        return fact.details.get("digest") == digest
    return True
