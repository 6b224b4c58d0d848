"""What a person's wishes do to a rollout's frame, and which of them are fulfilled already."""

from __future__ import annotations

from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.table import GOING_BACK

FIELDS = {SignalKind.APPROVE: "approved", SignalKind.PROMOTE: "promoted", SignalKind.RETRY: "retried"}


def hear(signal: SignalKind, frame: RolloutFrame) -> RolloutFrame:
    """The frame after a wish. To promote is to approve whatever waits, too. Of approval and retry, the last word counts."""
    wishes = {"approved": signal is not SignalKind.RETRY, "retried": signal is SignalKind.RETRY}
    return frame.model_copy(update={**wishes, FIELDS[signal]: True})


def said_already(signal: SignalKind, record: OperationRecord) -> bool:
    """Whether this wish was heard before and is on its way, or has come true."""
    if signal is SignalKind.ABORT:
        return record.state in GOING_BACK
    field = FIELDS.get(signal)
    return bool(field and getattr(RolloutFrame.model_validate(record.frame), field))
