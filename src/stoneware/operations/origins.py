"""Which images have run in an environment: what the store has still, and what only the ledger remembers."""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.store.store import Store

MOST_ENTRIES = 10_000


def those_that_ran(store: Store, deployment: str, digests: Iterable[str]) -> frozenset[str]:
    """Those of the digests of which a rollout of this deployment once succeeded."""
    wanted = frozenset(digests)
    found = wanted & store.releases.digests_that_ran(deployment)
    return found if found == wanted else found | (wanted & _on_record(store, deployment))


def _on_record(store: Store, deployment: str) -> frozenset[str]:
    """All that ever ran: releases are forgotten, entries aren't."""
    ended = store.ledger.entries(subject=deployment, verb="rollout.succeeded", limit=MOST_ENTRIES)
    made = store.ledger.entries(subject=deployment, verb="release.create", limit=MOST_ENTRIES)
    ran = {f"{one.fact.subject}#{one.fact.details.get('target', '')}" for one in ended}
    told = [text for one in made if one.fact.subject in ran for text in one.fact.details.values()]
    return frozenset(text.rpartition(" ")[2] for text in told if text.count(" ") == 1)
