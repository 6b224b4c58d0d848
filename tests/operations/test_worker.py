"""Threads of one daemon: no two of them ever act for the same operation, whatever the clock says of leases."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.simulation import fresh_database

from stoneware.clock import ManualClock
from stoneware.model.operation import OperationRecord, Result
from stoneware.operations.outcome import Finish, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.operations.runner import Runner
from stoneware.operations.worker import Worker
from stoneware.store.store import open_store

LIMIT_S = 30.0


@dataclass(frozen=True)
class Slow(Procedure[Frame]):
    """Its step lasts until it is let go. `inside` is how many run now, `most` how many ever did at once."""

    go: threading.Event = field(default_factory=threading.Event)
    counts: dict[str, int] = field(default_factory=lambda: {"inside": 0, "most": 0, "begun": 0})

    kind = "slow"
    first = "WORKING"
    NEXT = {"WORKING": ()}
    frame_type = Frame

    def working(self, ctx: Context, frame: Frame) -> Outcome:
        counts = self.counts
        counts["begun"] += 1
        counts["inside"] += 1
        counts["most"] = max(counts["most"], counts["inside"])
        self.go.wait(LIMIT_S)
        counts["inside"] -= 1
        return Finish(Result.SUCCEEDED, frame, "done")

    def deadline(self, record: OperationRecord, frame: Frame) -> float | None:
        return None

    def retreat(self, ctx: Context, frame: Frame, reason: str) -> Outcome:
        return Finish(Result.FAILED, frame, reason)


def test_a_clock_that_jumps_sets_no_second_thread_to_the_same_work(tmp_path: Path) -> None:
    clock, slow = ManualClock(), Slow()
    store = open_store(f"sqlite:///{fresh_database()}", clock)
    worker = Worker(Runner(store, {"slow": slow}, clock, lambda *_: None), "here", lambda *_: None, threads=3)
    operation = store.operations.create(
        kind="slow", subject="x", actor="ann", reason="", state=Slow.first, frame=Frame()
    ).id
    worker.start()
    try:
        until(lambda: slow.counts["begun"] == 1)
        until(lambda: jumped(clock, store.operations.get(operation)))
        slow.go.set()
        until(lambda: store.operations.get(operation).result is not None)
    finally:
        slow.go.set()
        worker.stop()
        store.close()
    assert slow.counts["most"] == 1
    assert slow.counts["begun"] >= 2


def jumped(clock: ManualClock, record: OperationRecord) -> bool:
    """Sets the clock on until another thread has taken the lease of the first."""
    clock.sleep(400)
    return record.lease_token > 1


def until(holds, limit_s: float = LIMIT_S) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends, "it doesn't come true"
        time.sleep(0.02)
