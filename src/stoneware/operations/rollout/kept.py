"""Machines that are kept for inspection: a rollout takes their traffic like that of others, and leaves them running."""

from __future__ import annotations

from collections.abc import Mapping

from stoneware.model.machine import Machine
from stoneware.store.store import Store


def kept_machines(store: Store, deployment: str, machines: Mapping[str, Machine]) -> frozenset[str]:
    """The very machines that are kept for inspection now, by name."""
    return frozenset(
        one.machine
        for one in store.drifts.quarantined(deployment)
        if one.released_at is None and (seen := machines.get(one.machine)) and seen.created_at == one.made_at
    )
