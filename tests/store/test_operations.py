"""Operations as rows: begun once, one at a time for a subject, told things, and given up."""

from __future__ import annotations

import pytest
from tests.store.things import Memory, begin, claim, commit, end_of, everything, tell, verbs

from stoneware.clock import ManualClock
from stoneware.errors import Conflict, LeaseLost, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.operation import Result, SignalKind
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.store.store import Store

FACT = Fact(verb="release.create", subject="town#1", actor="ann")


def test_an_operation_begins_with_its_facts_in_one_transaction(store: Store) -> None:
    record = begin(store, facts=[FACT])
    assert store.operations.active("town") == store.operations.get(record.id) == record
    assert (record.id, record.state, record.result, record.frame) == ("rollout-1", "PREPARING", None, {"count": 0})
    assert verbs(store) == ["release.create", "rollout.begin"]


def test_when_what_belongs_to_it_fails_nothing_begins(store: Store) -> None:
    before = everything(store)

    def refuse(_: object) -> None:
        raise Conflict("release 1 of town exists already")

    with pytest.raises(Conflict):
        begin(store, facts=[FACT], also=refuse)
    assert everything(store) == before


def test_one_unfinished_operation_a_subject(store: Store) -> None:
    first = begin(store)
    with pytest.raises(Conflict, match=r"rollout-1 is under way for town \(PREPARING"):
        begin(store, kind="teardown")
    assert begin(store, "village").id == "rollout-2"
    commit(store, claim(store), result=Result.SUCCEEDED)
    assert store.operations.get(first.id).result is Result.SUCCEEDED
    assert begin(store).id == "rollout-3"


def test_the_same_key_again_is_the_same_operation(store: Store) -> None:
    first = begin(store, key="k1")
    assert begin(store, key="k1") == first
    ended = commit(store, claim(store), result=Result.SUCCEEDED)
    assert begin(store, key="k1") == ended, "also when it is over"
    assert store.operations.repeated("k1", "rollout", "town") == ended
    assert store.operations.repeated("k2", "rollout", "town") is None
    assert begin(store, key="k2").id != first.id


@pytest.mark.parametrize(("kind", "subject"), [("rollout", "village"), ("teardown", "town")])
def test_a_key_belongs_to_one_request(store: Store, kind: str, subject: str) -> None:
    begin(store, key="k1")
    with pytest.raises(Conflict, match="key belongs to rollout-1 of town"):
        begin(store, subject, kind, key="k1", instead=True)


def test_instead_gives_up_what_is_under_way(store: Store) -> None:
    old = begin(store)
    working = claim(store)
    new = begin(store, kind="teardown", instead=True)
    given_up = store.operations.get(old.id)
    assert (given_up.result, given_up.because) == (Result.FAILED, "given up for teardown-2")
    assert store.operations.journal(old.id)[-1].text == "FAILED: given up for teardown-2"
    assert store.operations.active("town") == new
    fact = store.ledger.entries()[-2].fact
    assert (fact.verb, fact.details) == ("rollout.failed", {"operation": old.id, "for": new.id})
    with pytest.raises(LeaseLost):
        commit(store, working)
    with pytest.raises(LeaseLost):
        store.operations.renew(old.id, working.lease_token, 30)


def test_who_was_given_up_says_when_its_last_step_is_over(store: Store, clock: ManualClock) -> None:
    old = begin(store)
    claim(store, "bob", lease_s=30)
    begin(store, kind="teardown", instead=True)
    assert store.operations.held_until(old.id) == clock.now() + 30
    store.operations.let_go(old.id, "carl")
    assert store.operations.held_until(old.id) == clock.now() + 30, "that was another worker"
    store.operations.let_go(old.id, "bob")
    assert store.operations.held_until(old.id) == 0


def test_a_signal_wakes_its_operation_and_stands_in_the_ledger(store: Store, clock: ManualClock) -> None:
    record = begin(store)
    commit(store, claim(store), wake_at=clock.now() + 3600)
    assert store.operations.claim("bob", 30) is None
    store.operations.signal(record.id, tell(SignalKind.PAUSE, "lunch"))
    assert [signal.kind for _, signal in store.operations.signals(record.id)] == [SignalKind.PAUSE]
    assert claim(store).id == record.id
    fact = store.ledger.entries()[-1].fact
    assert (fact.verb, fact.subject, fact.reason) == ("operation.pause", "town", "lunch")


def test_a_heeded_signal_is_heard_once_and_a_late_one_wakes_at_once(store: Store, clock: ManualClock) -> None:
    record = begin(store)
    store.operations.signal(record.id, tell(SignalKind.PAUSE))
    working = claim(store)
    [(heard, _)] = store.operations.signals(record.id)
    store.operations.signal(record.id, tell(SignalKind.RESUME))
    after = commit(store, working, consumed=heard, paused=True, wake_at=clock.now() + 3600)
    assert after.wake_at == clock.now(), "one came while the step ran"
    [(late, signal)] = store.operations.signals(record.id)
    assert signal.kind is SignalKind.RESUME
    assert commit(store, claim(store), consumed=late, wake_at=clock.now() + 9).wake_at == clock.now() + 9


def test_a_signal_with_the_same_key_is_given_once(store: Store) -> None:
    record = begin(store)
    for _ in range(2):
        store.operations.signal(record.id, tell(SignalKind.ABORT), key="k1")
    assert len(store.operations.signals(record.id)) == 1
    assert verbs(store) == ["rollout.begin", "operation.abort"]
    again = store.operations.repeated("k1", "rollout", "town")
    assert again is not None and again.id == record.id


def test_what_is_over_hears_nothing(store: Store) -> None:
    record = begin(store)
    commit(store, claim(store), result=Result.REVERTED)
    with pytest.raises(Conflict, match="rollout-1 is over: REVERTED"):
        store.operations.signal(record.id, tell(SignalKind.ABORT))
    with pytest.raises(NotFound):
        store.operations.signal("rollout-9", tell(SignalKind.ABORT))


def test_lists_are_newest_first_and_can_be_narrowed(store: Store) -> None:
    begin(store, "town")
    begin(store, "village")
    commit(store, claim(store), result=Result.FAILED)
    begin(store, "town")
    found = [
        [record.id for record in store.operations.list(**words)]
        for words in ({}, {"subject": "town"}, {"unfinished": True}, {"unfinished": False}, {"limit": 1})
    ]
    every = ["rollout-3", "rollout-2", "rollout-1"]
    assert found == [every, ["rollout-3", "rollout-1"], ["rollout-3", "rollout-2"], ["rollout-1"], ["rollout-3"]]


def test_the_frame_comes_back_as_it_was_committed(store: Store) -> None:
    begin(store, frame=Memory(count=41))
    assert Memory.model_validate(commit(store, claim(store)).frame) == Memory(count=42)


def test_a_repair_by_itself_decides_only_as_long_as_it_is_stuck(store: Store) -> None:
    def ended(result: Result, mends: tuple[str, ...] | None, kind: str = "rollout") -> str | None:
        frame = RolloutFrame(target=2, source=2, rollback=True, mends=mends)
        store.operations.create(kind=kind, subject="town", actor="a", reason="", state="PREPARING", frame=frame)
        record = claim(store)
        more = {"because": "", "text": None, "wake_at": 0.0, "result": result, "facts": [end_of(record, result)]}
        store.operations.commit(record, state=record.state, frame=frame, **more)  # type: ignore[arg-type]
        known = store.operations.decisive("town")
        return known.id if known else None

    assert ended(Result.SUCCEEDED, (), "rollout") is None
    assert ended(Result.REVERTED, None) == "rollout-2"
    assert ended(Result.SUCCEEDED, None, "snapshot") == "rollout-2"
    assert ended(Result.STUCK, ("m",)) == "rollout-4"
    assert ended(Result.FAILED, ("m",)) == "rollout-4"
    assert ended(Result.SUCCEEDED, ("m",)) == "rollout-2"
    assert ended(Result.STUCK, None, "teardown") == "teardown-7"
