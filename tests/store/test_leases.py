"""Leases: an operation has one worker at a time, and only who holds it now can write."""

from __future__ import annotations

from typing import Any

import pytest
from tests.store.things import begin, claim, commit, everything, tell, verbs

from stoneware.clock import ManualClock
from stoneware.errors import LeaseLost
from stoneware.model.ledger import Fact
from stoneware.model.operation import Result, SignalKind
from stoneware.store.store import Store

FACT = Fact(verb="machine.create", subject="town-web-r1-0", actor="ann")


def test_two_workers_get_different_operations(store: Store) -> None:
    begin(store, "town"), begin(store, "village")
    assert {claim(store, "bob").subject, claim(store, "carl").subject} == {"town", "village"}
    assert store.operations.claim("dora", 30) is None


def test_the_most_overdue_operation_comes_first(store: Store, clock: ManualClock) -> None:
    for subject in ("town", "village"):
        begin(store, subject)
        clock.sleep(1)
    commit(store, claim(store), wake_at=clock.now() + 1)
    assert store.operations.next_wake() == clock.now() - 1
    clock.sleep(2)
    assert [claim(store).subject, claim(store).subject] == ["village", "town"]


def test_nothing_is_claimed_before_it_is_due_or_after_its_end(store: Store, clock: ManualClock) -> None:
    assert store.operations.next_wake() is None
    begin(store)
    commit(store, claim(store), wake_at=clock.now() + 5)
    assert store.operations.claim("bob", 30) is None
    assert store.operations.next_wake() == clock.now() + 5
    clock.sleep(5)
    commit(store, claim(store), result=Result.SUCCEEDED)
    assert store.operations.claim("bob", 30) is None
    assert store.operations.next_wake() is None


def test_an_expired_lease_is_claimed_again_and_its_old_holder_writes_nothing(store: Store, clock: ManualClock) -> None:
    begin(store)
    late = claim(store, "bob", lease_s=30)
    assert store.operations.claim("carl", 30) is None
    clock.sleep(30)
    assert claim(store, "carl").lease_owner == "carl"
    store.operations.signal(late.id, tell(SignalKind.PAUSE))
    before = everything(store)
    attempts: list[dict[str, Any]] = [
        {"state": "PROVISIONING", "text": "machines are up", "facts": [FACT], "consumed": 1},
        {"result": Result.SUCCEEDED, "also": lambda conn: pytest.fail("it must not come to this")},
    ]
    for words in attempts:
        with pytest.raises(LeaseLost):
            commit(store, late, **words)
    with pytest.raises(LeaseLost):
        store.operations.renew(late.id, late.lease_token, 30)
    with pytest.raises(LeaseLost):
        store.operations.note(late, "create", FACT)
    assert everything(store) == before


def test_a_late_step_may_commit_while_nobody_else_has_begun(store: Store, clock: ManualClock) -> None:
    begin(store)
    late = claim(store, lease_s=30)
    clock.sleep(100)
    assert commit(store, late, state="PROVISIONING").state == "PROVISIONING"


def test_a_renewed_lease_lasts_longer(store: Store, clock: ManualClock) -> None:
    begin(store)
    record = claim(store, "bob", lease_s=30)
    clock.sleep(20)
    store.operations.renew(record.id, record.lease_token, 30)
    clock.sleep(20)
    assert store.operations.claim("carl", 30) is None
    clock.sleep(10)
    assert claim(store, "carl").id == record.id


def test_a_renewal_that_comes_after_the_commit_doesnt_block_the_next_step(store: Store) -> None:
    begin(store)
    record = claim(store)
    commit(store, record)
    with pytest.raises(LeaseLost):
        store.operations.renew(record.id, record.lease_token, 30)
    assert claim(store).id == record.id


def test_a_commit_ends_the_lease_and_writes_step_journal_and_facts_together(store: Store, clock: ManualClock) -> None:
    begin(store)
    clock.sleep(7)
    after = commit(store, claim(store), state="PROVISIONING", because="machines boot", text="began", facts=[FACT])
    assert (after.state, after.state_since, after.because) == ("PROVISIONING", clock.now(), "machines boot")
    assert (after.lease_owner, store.operations.held_until(after.id)) == (None, 0)
    [line] = store.operations.journal(after.id)
    assert (line.seq, line.at, line.state, line.text) == (1, clock.now(), "PREPARING", "began")
    assert [entry.fact for entry in store.ledger.entries()][-1:] == [FACT]
    assert verbs(store) == ["rollout.begin", FACT.verb]
    clock.sleep(1)
    assert commit(store, claim(store)).state_since == clock.now() - 1, "it stayed where it was"


def test_a_fact_is_noted_once_for_each_key(store: Store) -> None:
    begin(store)
    record = claim(store)
    for key in ("create:0", "create:1", "create:0"):
        store.operations.note(record, key, FACT)
    assert store.operations.noted(record.id) == {"create:0", "create:1"}
    assert verbs(store)[1:] == [FACT.verb] * 2


def test_what_takes_turns_is_noted_again_when_its_turn_comes_again(store: Store) -> None:
    begin(store)
    record = claim(store)
    for key in ("a=stop", "a=stop", "b=stop", "a=start", "a=start", "a=stop", "b=stop"):
        store.operations.note(record, key, FACT)
    assert store.operations.noted(record.id) == {"a=stop", "b=stop"}
    assert verbs(store)[1:] == [FACT.verb] * 4


def test_a_new_daemon_takes_over_what_its_dead_predecessor_held(store: Store) -> None:
    for subject in ("town", "village"):
        begin(store, subject)
    held, others = claim(store, "host:a/0"), claim(store, "host:ab/0")
    store.operations.take_over("host:a")
    assert claim(store, "host:a/1").id == held.id
    assert store.operations.claim("host:a/1", 30) is None, f"{others.id} belongs to a daemon that lives"
    with pytest.raises(LeaseLost):
        commit(store, held)
