"""The queue of machines that are to boot: a host that boots more of them than it has cores for boots none of them in time.

Nobody keeps the queue. Who has a place is what the engine shows, who waits stands in the frames of the operations, and all
who look come to the same answer (`decide/capacity.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.decide.capacity import Waiter, booting, turn_of
from stoneware.model.finding import Capacity
from stoneware.model.machine import WantedMachine
from stoneware.model.operation import OperationRecord
from stoneware.operations.rollout.frame import Queue
from stoneware.operations.rollout.stage import Stage

FRESH_S = 10.0
"""Who hasn't looked for so long (paused, or its worker died) waits for no place (seconds)."""


def admit(stage: Stage, missing: Sequence[WantedMachine]) -> Sequence[WantedMachine]:
    """The first of the missing machines, as many as may boot now; `stage.queued` says what the others wait for. A step may ask
    several times, for other machines each time.

    While requests are held nothing waits for its turn: the host may be slow for once, people may not.
    """
    capacity = stage.platform.engine.capacity() if missing else Capacity()
    if not missing or capacity == Capacity() or stage.frame.held_since is not None:
        if not stage.waiting:
            stage.remember(queue=None)
        return missing
    now, before = stage.ctx.now, stage.frame.queue
    machines = stage.platform.engine.list_machines()
    me = Waiter(
        stage.target.deployment,
        len(missing),
        max(wanted.memory_bytes for wanted in missing),
        before.since if before else now,
    )
    turn = turn_of(me, capacity, machines, _others_of(stage), now)
    stage.waiting += len(missing) - turn.admitted
    stage.queued = stage.queued or turn.because
    _keep_time(
        stage, booted=turn.admitted, boots=booting(machines, now)[me.deployment], waits_for_memory=turn.for_memory
    )
    queue = Queue(
        engine=stage.target.spec.engine,
        since=now if turn.admitted else me.since,
        asked_at=now,
        wanted=stage.waiting,
        memory_bytes=me.memory_bytes,
    )
    stage.remember(queue=queue if stage.waiting else None)
    return missing[: turn.admitted]


def _keep_time(stage: Stage, *, booted: int, boots: int, waits_for_memory: bool) -> None:
    """A state's time doesn't run while all that it waits for is its turn, and starts again with each machine that had to wait.

    It runs while a machine of its own boots, which may never come up, and while it waits for memory, which may never be free.
    """
    before = stage.frame.queue
    if before is None and not (stage.queued and not booted and not boots):
        return
    if booted or (not boots and not waits_for_memory):
        stage.remember(entered_at=stage.ctx.now)


def _others_of(stage: Stage) -> list[Waiter]:
    return others(stage.under_way(), stage.target.deployment, stage.target.spec.engine, stage.ctx.now)


def others(under_way: Sequence[OperationRecord], subject: str, engine: str, now: float) -> list[Waiter]:
    """Who else than `subject` waits for a place on this engine."""
    found = []
    for record in under_way:
        queue = _queue_of(record)
        if (
            queue is not None
            and record.subject != subject
            and not record.paused
            and queue.engine == engine
            and abs(now - queue.asked_at) <= FRESH_S
        ):
            found.append(Waiter(record.subject, queue.wanted, queue.memory_bytes, queue.since))
    return found


def _queue_of(record: OperationRecord) -> Queue | None:
    known = record.frame.get("queue")
    return Queue.model_validate(known) if known else None
