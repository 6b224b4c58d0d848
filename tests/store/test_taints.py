"""A taint belongs to one very machine, is set once for each source, and ends once."""

from __future__ import annotations

from typing import Any

from stoneware.store.store import Store

TOLD: dict[str, Any] = {
    "machine": "town-web-r1-0",
    "made_at": 12.5,
    "deployment": "town",
    "engine": "fake",
    "actor": "ann",
    "reason": "a file was changed",
    "source": "drift",
}


def verbs(store: Store) -> list[str]:
    return [entry.fact.verb for entry in store.ledger.entries()]


def test_a_second_look_is_no_second_taint(store: Store) -> None:
    first = store.taints.set(TOLD)
    assert store.taints.set({**TOLD, "reason": "another file was changed"}) == first
    assert store.taints.of("town") == [first]
    assert first.because == "drift by ann: a file was changed"
    assert verbs(store) == ["machine.taint"]


def test_each_source_and_each_machine_has_its_own(store: Store) -> None:
    store.taints.set(TOLD)
    store.taints.set({**TOLD, "source": "shell"})
    store.taints.set({**TOLD, "made_at": 99.0})
    store.taints.set({**TOLD, "deployment": "village", "machine": "village-web-r1-0"})
    assert [(t.machine, t.made_at, str(t.source)) for t in store.taints.of("town")] == [
        ("town-web-r1-0", 12.5, "drift"),
        ("town-web-r1-0", 12.5, "shell"),
        ("town-web-r1-0", 99.0, "drift"),
    ]
    assert len(store.taints.of()) == 4


def test_it_ends_once_and_stays_on_record(store: Store) -> None:
    taint = store.taints.set(TOLD)
    store.taints.end(taint, "stoneware", "the machine is gone")
    store.taints.end(taint, "stoneware", "the machine is gone")
    assert store.taints.of() == []
    [kept] = store.taints.of(ended=True)
    assert kept.ended_at is not None
    assert verbs(store) == ["machine.taint", "taint.end"]
    assert store.taints.set(TOLD).id != taint.id
    assert store.ledger.verify() is None
