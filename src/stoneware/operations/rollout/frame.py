"""What a rollout remembers between its steps."""

from __future__ import annotations

from stoneware.model.health import Health
from stoneware.model.operation import OperationRecord
from stoneware.operations.procedure import Frame


class RolloutFrame(Frame):
    """`target` and `source` are release numbers; `source` is None when nothing ran before.

    `found` names the target's machines that were there before this rollout touched anything: the way back stops those
    and deletes the others; None while it hasn't looked. `published` are the digests that the engine can start. `tries`
    counts boots a machine. `handed_over` is set before the first disk moves; `held_since` when requests began to be held.
    `failure` says why the rollout turned back. `after` is the repair that was given up for this rollout.
    """

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
    failure: str = ""
    failed_in: str = ""
    after: str | None = None


def is_repair(operation: OperationRecord) -> bool:
    """Whether an operation only makes true again what was true: a rollout of the current release to itself."""
    return operation.kind == "rollout" and operation.frame.get("source") == operation.frame.get("target")
