"""Many threads on one store: the chain doesn't fork, numbers aren't given twice, nothing is run by two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from tests.store.things import begin, boot_test, commit, stage, tell

from stoneware.errors import Conflict
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

THREADS = 8
T = TypeVar("T")


def at_once(act: Callable[[int], T]) -> list[T]:
    """Calls `act` with 0, 1, 2, … in as many threads, which all begin at the same moment."""
    barrier = Barrier(THREADS)

    def run(number: int) -> T:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_the_chain_holds_when_all_write_into_it(store: Store) -> None:
    def write(thread: int) -> None:
        for number in range(10):
            fact = Fact(verb="v", subject=f"{thread}/{number}", actor="ann")
            with writing(store.db) as conn:
                append(conn, 0.0, fact)
            record = begin(store, f"{thread}-{number}", facts=[fact])
            store.operations.signal(record.id, tell(SignalKind.PAUSE))

    at_once(write)
    assert store.ledger.verify() is None
    assert store.ledger.end()[0] == THREADS * 10 * 4
    assert len({record.id for record in store.operations.list(limit=1000)}) == THREADS * 10


def test_one_of_many_begins_for_a_subject(store: Store) -> None:
    def try_to_begin(_: int) -> OperationRecord | None:
        try:
            return begin(store)
        except Conflict:
            return None

    assert len([record for record in at_once(try_to_begin) if record]) == 1


def test_the_same_key_from_many_is_one_operation(store: Store) -> None:
    assert len({record.id for record in at_once(lambda _: begin(store, key="k1"))}) == 1


def test_images_published_at_once_get_different_numbers(store: Store) -> None:
    digests = [stage(store, version=version).digest for version in range(THREADS)]
    published = at_once(lambda n: store.catalog.publish(digests[n], boot_test(digests[n]), "ann"))
    assert {image.number for image in published} == set(range(1, THREADS + 1))


def test_every_step_is_run_by_one_worker(store: Store) -> None:
    subjects, steps = 3, 5
    for number in range(subjects):
        begin(store, f"town-{number}")

    def work(thread: int) -> list[tuple[str, int]]:
        done = []
        while store.operations.list(unfinished=True):
            record = store.operations.claim(f"worker-{thread}", 30)
            if record is not None:
                last = record.frame["count"] == steps - 1
                commit(store, record, result=Result.SUCCEEDED if last else None, text="a step")
                done.append((record.id, record.frame["count"]))
        return done

    done = Counter(step for steps_of_one in at_once(work) for step in steps_of_one)
    assert set(done.values()) == {1}
    assert len(done) == subjects * steps
    for number in range(1, subjects + 1):
        assert [line.seq for line in store.operations.journal(f"rollout-{number}")] == [1, 2, 3, 4, 5]
