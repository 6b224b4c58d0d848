"""What the store costs: a step of an operation with everything that makes it durable, and proving the ledger."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from bench.ground import Ground
from bench.registry import Figure, benchmark
from stoneware.clock import SystemClock
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord
from stoneware.operations.outcome import Finish, Outcome, Wait
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.operations.runner import Runner
from stoneware.store.database import url_for, writing
from stoneware.store.ledger import append
from stoneware.store.store import Store, open_store

STEPS = 200
ENTRIES = 50_000
WITH_MANIFEST = 100
"""Each hundredth entry has a whole release in it, as JSON in JSON."""
BATCH = 500


class CountFrame(Frame):
    """`steps` that were run."""

    steps: int = 0


@dataclass(frozen=True)
class Count(Procedure[CountFrame]):
    """An operation that does nothing but go on, so that a step costs what the store makes it cost."""

    kind = "count"
    first = "COUNTING"
    NEXT = {"COUNTING": ()}
    frame_type = CountFrame

    def counting(self, ctx: Context, frame: CountFrame) -> Outcome:
        """One more. Each step has news, so each writes a line of the journal, too."""
        steps = frame.steps + 1
        return Wait(0.0, frame.model_copy(update={"steps": steps}), f"step {steps}")

    def deadline(self, record: OperationRecord, frame: CountFrame) -> float | None:
        return None

    def retreat(self, ctx: Context, frame: CountFrame, reason: str) -> Outcome:
        return Wait(0.0, frame, reason)

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None


@benchmark("store.step_ms", unit="ms")
def step_ms(ground: Ground) -> Figure:
    """Claim, run, commit: one state of one operation, on a real disk, with its fsync. A sample a step."""
    with _store(ground) as store:
        clock = SystemClock()
        runner = Runner(store, {"count": Count()}, clock, lambda *_: None)
        store.operations.create(
            kind="count", subject="bench", actor="bench", reason="", state=Count.first, frame=CountFrame()
        )
        samples = []
        for _ in range(ground.runs(STEPS)):
            began = time.monotonic()
            record = store.operations.claim("bench/0", 30.0)
            if record is None or runner.run(record) is None:
                raise RuntimeError("a step that was due didn't run")
            samples.append((time.monotonic() - began) * 1000)
    return Figure(samples, "SQLite in WAL with synchronous=FULL, below the repository; a journal line each step")


@benchmark("ledger.verify_per_s", unit="entries/s", at_least=100_000)
def verify_per_s(ground: Ground) -> Figure:
    """Reading every entry, taking its hash anew, following the chain."""
    with _store(ground) as store:
        for first in range(0, ENTRIES, BATCH):
            with writing(store.db) as conn:
                for number in range(first, first + BATCH):
                    append(conn, time.time(), _fact(number))
        samples = []
        for _ in range(ground.runs(5)):
            began = time.monotonic()
            problem = store.ledger.verify()
            samples.append(ENTRIES / (time.monotonic() - began))
            if problem:
                raise RuntimeError(problem)
    return Figure(samples, f"{ENTRIES} entries a run, read from SQLite; one in {WITH_MANIFEST} holds a release")


def _fact(number: int) -> Fact:
    details = {"operation": f"rollout-{number}", "digest": f"sha256:{number:064x}"}
    if number % WITH_MANIFEST == 0:
        details["manifest"] = json.dumps({f"KEY{one}": f"value {one}" for one in range(50)})
    reason = f"machine {number} is missing"
    return Fact(
        verb="machine.create", subject=f"town-web-r{number}-0", actor="bench@host", reason=reason, details=details
    )


@contextlib.contextmanager
def _store(ground: Ground) -> Iterator[Store]:
    """An empty store, in the bench's own home."""
    for old in ground.home.root.glob("stoneware.db*"):
        old.unlink()
    store = open_store(url_for(ground.home.database), SystemClock())
    try:
        yield store
    finally:
        store.close()
