"""A place in the queue of those that have machines to boot, for operations other than rollouts: they stand in the same one
(`rollout/queue.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.decide.capacity import Waiter, booting, turn_of
from stoneware.model.finding import Capacity
from stoneware.model.machine import WantedMachine
from stoneware.operations.platform import Platform
from stoneware.operations.rollout.frame import Queue
from stoneware.operations.rollout.queue import others
from stoneware.store.store import Store

MOST_UNDER_WAY = 1000


@dataclass(frozen=True)
class Place:
    """How many of the machines may boot now; `queued` says what the others wait for, `queue` is where they stand from now on.

    `afresh`: the state's time begins again, for it doesn't run while all that is waited for is a place. For memory, which may never
    be free, it does.
    """

    admitted: int
    queued: str = ""
    queue: Queue | None = None
    afresh: bool = False


def place_for(
    store: Store, platform: Platform, subject: str, missing: Sequence[WantedMachine], before: Queue | None, now: float
) -> Place:
    """Asks for places for missing machines, beside all others that wait. `subject` is the operation's, `before` its queue as it
    was."""
    capacity = platform.engine.capacity() if missing else Capacity()
    if capacity == Capacity():
        return Place(len(missing))
    engine, machines = platform.engine.capabilities().engine, platform.engine.list_machines()
    since = before.since if before else now
    me = Waiter(subject, len(missing), max(wanted.memory_bytes for wanted in missing), since)
    under_way = store.operations.list(unfinished=True, limit=MOST_UNDER_WAY)
    turn = turn_of(me, capacity, machines, others(under_way, subject, engine, now), now)
    waiting = len(missing) - turn.admitted
    queue = Queue(
        engine=engine,
        since=now if turn.admitted else since,
        asked_at=now,
        wanted=waiting,
        memory_bytes=me.memory_bytes,
    )
    stands = waiting and not turn.for_memory and not booting(machines, now)[subject]
    afresh = bool(stands or (turn.admitted and before))
    return Place(turn.admitted, turn.because, queue if waiting else None, afresh)
