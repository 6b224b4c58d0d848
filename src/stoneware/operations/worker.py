"""The worker: a few threads that claim due operations and run one step each, while a heartbeat keeps their leases."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from stoneware.errors import LeaseLost
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.operations.runner import Log, Runner

LEASE_S = 30.0
HEARTBEAT_S = 1.0
IDLE_S = 0.5
TROUBLE_S = 1.0


@dataclass
class Worker:
    """`start` and `stop` frame its life; only one worker of a `name` may live.

    `poke` wakes an idle thread at once, after an operation or a signal was written.
    """

    runner: Runner
    name: str
    log: Log
    threads: int = 4
    _stopping: threading.Event = field(default_factory=threading.Event)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _running: list[threading.Thread] = field(default_factory=list)
    _at_work: set[str] = field(default_factory=set)
    _turns: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Starts the threads. What a predecessor of the same name held when it died is taken up at once."""
        self.runner.store.operations.take_over(self.name)
        for number in range(self.threads):
            thread = threading.Thread(
                target=self._loop, args=(f"{self.name}/{number}",), daemon=True, name=f"worker-{number}"
            )
            thread.start()
            self._running.append(thread)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Lets every thread finish its step; what is cut short is taken up again by the next daemon."""
        self._stopping.set()
        self.poke()
        for thread in self._running:
            thread.join(timeout_s)

    def poke(self) -> None:
        """There may be something to do."""
        with self._news:
            self._news.notify_all()

    def _loop(self, me: str) -> None:
        while not self._stopping.is_set():
            try:
                if not self._once(me):
                    self._rest()
            except Exception as broken:  # a database that is away, or a full disk, must not end the worker
                with contextlib.suppress(OSError):
                    self.log("worker", f"{type(broken).__name__}: {broken}")
                self._stopping.wait(TROUBLE_S)

    def _once(self, me: str) -> bool:
        record = self.runner.store.operations.claim(me, LEASE_S)
        if record is None:
            return False
        cancelled, done = threading.Event(), threading.Event()
        beat = threading.Thread(target=self._heartbeat, args=(record, cancelled, done), daemon=True)
        beat.start()
        try:
            with self._alone(record.id):
                self.runner.run(record, cancelled)
        finally:
            done.set()
            beat.join()
        return True

    @contextlib.contextmanager
    def _alone(self, operation: str) -> Iterator[None]:
        """Waits for a step of the same operation that still runs here, though its lease is over: a clock that was set makes it so.

        What such a step does to an engine between two looks at its lease, no fence in the store holds up.
        """
        with self._turns:
            self._turns.wait_for(lambda: operation not in self._at_work)
            self._at_work.add(operation)
        try:
            yield
        finally:
            with self._turns:
                self._at_work.discard(operation)
                self._turns.notify_all()

    def _rest(self) -> None:
        """Sleeps until the next operation is due, or news comes; never long, for other processes may write too."""
        due = self.runner.store.operations.next_wake()
        pause = IDLE_S if due is None else min(IDLE_S, max(0.002, due - self.runner.clock.now()))
        with self._news:
            self._news.wait(pause)

    def _heartbeat(self, record: OperationRecord, cancelled: threading.Event, done: threading.Event) -> None:
        """Renews the lease of a long step, and cancels the step when a person aborts it or the lease is gone."""
        while not done.wait(HEARTBEAT_S):
            try:
                self.runner.store.operations.renew(record.id, record.lease_token, LEASE_S)
                signals = self.runner.store.operations.signals(record.id)
            except LeaseLost:
                cancelled.set()
                return
            except SQLAlchemyError:  # away for a moment: the lease lasts much longer than a beat
                continue
            if self._stopping.is_set() or any(signal.kind is SignalKind.ABORT for _, signal in signals):
                cancelled.set()
