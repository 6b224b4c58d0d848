"""Operations: long actions as durable state machines, and the signals people send them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from stoneware.model.noun import Noun


class Result(StrEnum):
    """How an operation ended. STUCK: a person must look; `because` says at what."""

    SUCCEEDED = "SUCCEEDED"
    REVERTED = "REVERTED"
    FAILED = "FAILED"
    STUCK = "STUCK"


class SignalKind(StrEnum):
    """What a person can tell a running operation."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    ABORT = "abort"
    RETRY = "retry"
    PROMOTE = "promote"


class Signal(Noun):
    """A wish, with who and why. Rows, never calls: the operation reads them at its next step."""

    kind: SignalKind
    actor: str
    reason: str = ""
    at: float


class OperationRecord(Noun):
    """An operation as stored. `frame` is the operation's own typed state as JSON; `because` is the sentence people see.

    `state_since` is when the present state was entered, `wake_at` when the next step is due. `result` is None while it goes on.
    `code` is that of what went wrong last, if anything did (`codes.py`).
    """

    id: str
    kind: str
    subject: str
    actor: str
    reason: str
    created_at: float
    state: str
    state_since: float
    frame: dict[str, Any]
    because: str = ""
    code: str = ""
    wake_at: float = 0.0
    failures: int = 0
    paused: bool = False
    result: Result | None = None
    ended_at: float | None = None
    lease_token: int = 0
    lease_owner: str | None = None


class JournalLine(Noun):
    """One committed step: at `at`, in `state`, this happened."""

    operation: str
    seq: int
    at: float
    state: str
    text: str
