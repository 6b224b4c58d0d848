"""What every long operation is: a table of states, a method a state, a deadline a state, and one way back.

A state's method looks at the world, does what is missing, and says what comes next. It may run again at any time: after a
crash, a lost reply, a lost lease. So it observes before it acts, and its effects are repeatable.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from sqlalchemy import Connection

from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.operations.outcome import Finish, Outcome


class Frame(Noun):
    """What an operation remembers between steps.

    `entered_at` is when the present state began, less the time it was paused.
    """

    entered_at: float = 0.0
    paused_at: float | None = None


@dataclass
class Context:
    """What a step gets besides its frame. `noted` holds the keys of the facts that the ledger has of this operation."""

    record: OperationRecord
    now: float
    log: Callable[[str], None]
    cancelled: threading.Event
    noted: set[str]
    write: Callable[[str, Fact], None]

    def note(self, key: str, verb: str, subject: str, **details: str) -> None:
        """Enters a fact into the ledger, now, once in an operation for each `key`. It is called BEFORE the effect.

        So no crash can leave an effect without its entry; the entry of an effect that a crash prevented comes true with
        the repetition of the step. Raises LeaseLost, and then the effect must not happen: it is another worker's.
        """
        if key in self.noted:
            return
        details = {"operation": self.record.id, **details}
        fact = Fact(verb=verb, subject=subject, actor=self.record.actor, reason=self.record.reason, details=details)
        self.write(key, fact)
        self.noted.add(key)


F = TypeVar("F", bound=Frame)


class Procedure(ABC, Generic[F]):
    """The code of one kind of operation. Instances hold their doors, never the state of an operation."""

    kind: ClassVar[str]
    first: ClassVar[str]
    NEXT: ClassVar[Mapping[str, tuple[str, ...]]]
    frame_type: type[F]

    def step(self, ctx: Context, frame: F) -> Outcome:
        """Runs the method of the present state: `shifting` for SHIFTING."""
        method: Callable[[Context, F], Outcome] = getattr(self, ctx.record.state.lower())
        return method(ctx, frame)

    @abstractmethod
    def deadline(self, record: OperationRecord, frame: F) -> float | None:
        """How many seconds the present state may last; None: it waits for a person or ends by itself."""

    @abstractmethod
    def retreat(self, ctx: Context, frame: F, reason: str) -> Outcome:
        """The way back from the present state, for a refusal, a missed deadline or an abort."""

    def going_back(self, state: str) -> bool:
        """Whether this state is part of the way back: it has no further way back but a person."""
        return False

    def objection(self, signal: SignalKind, state: str) -> str | None:
        """Why this signal means nothing in this state; None when it is welcome."""
        return None

    def approved(self, frame: F) -> F:
        """The frame after a person said yes."""
        return frame

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        """What moves in the store together with the end: desired state, never anything before it."""
        return None
