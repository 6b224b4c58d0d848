"""Promotions: one waits for a deployment, each is decided once, and time ends those that nobody decided."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.support.specs import spec

from stoneware.clock import ManualClock
from stoneware.errors import Conflict, NotFound
from stoneware.model.environment import Environment
from stoneware.model.plan import Plan
from stoneware.model.promotion import Gate, GateName, Promotion, PromotionPlan, PromotionState
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.store.store import Store

STARTED, REJECTED = PromotionState.STARTED, PromotionState.REJECTED


def wanted(deployment: str = "town-production", deadline: float | None = None) -> dict[str, Any]:
    agreed = PromotionPlan(
        source="town-staging",
        source_release=7,
        digests={"web": "sha256:" + "a" * 64},
        environment=Environment(name="production", deployment="town", after="staging"),
        plan=Plan(deployment=deployment, release=3, source=2, groups=(), services=()),
        gates=(Gate(gate=GateName.SOAK, holds=False, says="1h of 2h", forced=True),),
    )
    gates = PromotionSpec(after="staging", approval="keeper")
    told = {"actor": "ann", "reason": "version 2", "role": "keeper", "deadline": deadline}
    return {**told, "agreed": agreed, "spec": spec(), "gates": gates}


def ask(store: Store, key: str | None = None, **more: Any) -> Promotion:
    return store.promotions.ask(wanted(**more), key)


def verbs(store: Store) -> list[str]:
    return [entry.fact.verb for entry in store.ledger.entries()]


def test_the_same_request_again_is_the_first_one(store: Store) -> None:
    first = ask(store, "k")
    assert ask(store, "k") == first == store.promotions.repeated("k", first.deployment)
    assert store.promotions.repeated("another", first.deployment) is None
    with pytest.raises(Conflict, match="belongs to promotion-1"):
        ask(store, "k", deployment="village-production")
    assert verbs(store) == ["promotion.ask"]


def test_one_waits_for_a_deployment(store: Store) -> None:
    ask(store)
    with pytest.raises(Conflict, match="promotion-1 of ann waits for town-production already"):
        ask(store)
    assert ask(store, deployment="village-production").id == "promotion-2"
    assert [one.id for one in store.promotions.list()] == ["promotion-2", "promotion-1"]


def test_it_is_decided_once_and_the_record_says_what_was_gone_past(store: Store) -> None:
    made = ask(store)
    store.promotions.decide(made, STARTED, "bob", "looks good")
    kept = store.promotions.get(made.id)
    assert (kept.state, kept.decided_by, kept.decided_because) == (STARTED, "bob", "looks good")
    for state in (STARTED, REJECTED):
        with pytest.raises(Conflict, match="promotion-1 is STARTED meanwhile"):
            store.promotions.decide(made, state, "carl", "")
    [asked, started] = store.ledger.entries()
    assert started.fact.verb == "promotion.start" and started.fact.actor == "bob"
    assert asked.fact.details["forced soak"] == "1h of 2h"
    assert ask(store).id == "promotion-2"


def test_of_many_who_decide_at_once_one_has_decided(store: Store) -> None:
    made, decided = ask(store), list[str]()

    def decide(state: PromotionState, actor: str) -> None:
        try:
            store.promotions.decide(made, state, actor, "")
        except Conflict:
            return
        decided.append(actor)

    threads = [threading.Thread(target=decide, args=((STARTED, REJECTED)[n % 2], f"actor-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decided == [store.promotions.get(made.id).decided_by]
    assert len(verbs(store)) == 2


def test_time_ends_what_nobody_decided(store: Store, clock: ManualClock) -> None:
    made = ask(store, deadline=clock.now() + 60)
    clock.sleep(59)
    assert store.promotions.get(made.id).state is PromotionState.PENDING
    clock.sleep(1)
    assert store.promotions.get(made.id).state is PromotionState.EXPIRED
    with pytest.raises(Conflict, match="promotion-1 is EXPIRED meanwhile"):
        store.promotions.decide(made, STARTED, "bob", "")
    assert ask(store).id == "promotion-2"
    assert verbs(store) == ["promotion.ask", "promotion.expire", "promotion.ask"]
    assert store.ledger.verify() is None


@pytest.mark.parametrize("name", ["promotion-2", "promotion-", "1", "promotion-१", "promotion-" + "9" * 40, "", "-1"])
def test_other_names_are_no_promotions(store: Store, name: str) -> None:
    ask(store)
    with pytest.raises(NotFound, match="there is no promotion"):
        store.promotions.get(name)
