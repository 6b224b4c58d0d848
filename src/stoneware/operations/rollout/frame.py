"""What a rollout remembers between its steps."""

from __future__ import annotations

from stoneware.model.health import Health
from stoneware.model.measure import Counters
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.model.strategy import Judgement
from stoneware.operations.procedure import Frame


class Queue(Noun):
    """A rollout's place in the queue of those that have machines to boot, for all to see.

    `since` is when it got a place last, or came; `asked_at` when it looked last: one that doesn't look any more holds nobody
    up. `wanted` machines wait, of at most `memory_bytes` each.
    """

    engine: str
    since: float
    asked_at: float
    wanted: int
    memory_bytes: int


class RolloutFrame(Frame):
    """`target` and `source` are release numbers; `source` is None when nothing ran before.

    `found` names the target's machines that were there before this rollout touched anything: the way back stops those
    and deletes the others; None while it hasn't looked. `published` are the digests that the engine can start. `tries`
    counts boots a machine. `handed_over` is set before the first disk moves; `held_since` when requests began to be held.
    `snapshots` are those that were taken of disks, by disk. `restore` is what a rollback puts back together with a release, by
    disk; `restored` names the disks that have it, `put_back` those that got their own snapshot again on the way back.
    `rehearsed` is set when the rehearsal has gone well.
    `up_since` is when all machines of a group that is recreated had come up.
    `failure` says why the rollout turned back. `gates` are those of its environment as they were declared when it began.
    `after` is the repair that was given up for this rollout.

    Of a rolling update: `draining` says since when an old machine gets nothing new, `admitted` which new ones joined the pool;
    `back_by_turns` that it goes back as it came, and then those two are of new machines and of old ones.
    Of a canary: `step` counts from 0. `counting`: its figures count from now on; `measured` is what each machine had before,
    `probed` what our own probes found, `said` what others said, `said_at` when they were asked. `judged` is the state that
    waits for a person to judge it, `judged_because` why. `retried`: what failed or was in doubt is tried again. `promoted`:
    no further step is waited for. `switched_at` is when the traffic moved.

    Of a repair: `replace` names sick machines that are to be made anew, each with when it was made, so that none is made anew
    twice; `mends` are all that it makes good, and it waits for no others: who falls sick meanwhile is the next one's.
    `renewal`: the same version runs before and after; `by_turns`: so that the machines can be made anew one after the other.
    Of those who serve meanwhile and fall ill: `mending` are sick machines that go, each with when it was made and when it was
    told to; `healed` says how often each was made anew, and when last.
    """

    TELLS = ("target", "source", "rollback", "renewal", "after")

    target: int
    source: int | None = None
    rollback: bool = False
    found: tuple[str, ...] | None = None
    published: tuple[str, ...] = ()
    tries: dict[str, int] = {}
    health: dict[str, Health] = {}
    approved: bool = False
    handed_over: bool = False
    held_since: float | None = None
    up_since: float | None = None
    snapshots: dict[str, str] = {}
    restore: dict[str, str] = {}
    restored: tuple[str, ...] = ()
    put_back: tuple[str, ...] = ()
    rehearsed: bool = False
    failure: str = ""
    failed_in: str = ""
    after: str | None = None
    gates: PromotionSpec | None = None
    draining: dict[str, float] = {}
    admitted: tuple[str, ...] = ()
    back_by_turns: bool = False
    step: int = 0
    counting: bool = False
    measured: dict[str, Counters] = {}
    probed: dict[str, tuple[int, int, float, str]] = {}
    said: dict[str, Judgement] = {}
    said_at: float = 0.0
    judged: str = ""
    judged_because: str = ""
    retried: bool = False
    switched_at: float | None = None
    promoted: bool = False
    replace: dict[str, float] = {}
    mends: tuple[str, ...] | None = None
    renewal: bool = False
    by_turns: bool = False
    mending: dict[str, tuple[float, float]] = {}
    healed: dict[str, tuple[int, float]] = {}
    queue: Queue | None = None

    def judges(self, machine: str) -> bool:
        """Whether its success depends on this machine."""
        return self.mends is None or machine in self.mends


def is_repair(operation: OperationRecord) -> bool:
    """Whether an operation only makes true again what was true: a rollout of the current release to itself."""
    return operation.kind == "rollout" and operation.frame.get("source") == operation.frame.get("target")


def is_rollback(operation: OperationRecord) -> bool:
    """Whether an operation is a rollback that somebody wished for. A repair that nobody asked for names what it mends."""
    frame = operation.frame
    return operation.kind == "rollout" and bool(frame.get("rollback")) and frame.get("mends") is None
