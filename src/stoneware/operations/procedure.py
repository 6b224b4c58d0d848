"""What every long operation is: a table of states, a method a state, a deadline a state, and one way back.

A state's method looks at the world, does what is missing, and says what comes next. It may run again at any time: after a
crash, a lost reply, a lost lease. So it observes before it acts, and its effects are repeatable.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from sqlalchemy import Connection

from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.operations.outcome import Finish, Outcome


class Frame(Noun):
    """What an operation remembers between steps.

    `entered_at` is when the present state began, less the time it was paused; `noted` holds the keys of the facts that the
    ledger has already, so that an effect is entered once however often its step is repeated.
    """

    entered_at: float = 0.0
    paused_at: float | None = None
    noted: tuple[str, ...] = ()


@dataclass
class Context:
    """What a step gets besides its frame. `note` collects facts for the commit of this step."""

    record: OperationRecord
    now: float
    log: Callable[[str], None]
    cancelled: threading.Event
    noted: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def note(self, key: str, verb: str, subject: str, **details: str) -> None:
        """Enters a fact into the ledger with this step's commit, once in an operation for each `key`.

        States note what they find done, not what they just did: so an effect whose commit was lost is entered by the
        repetition.
        """
        if key in self.noted:
            return
        self.noted.append(key)
        details = {"operation": self.record.id, **details}
        self.facts.append(
            Fact(verb=verb, subject=subject, actor=self.record.actor, reason=self.record.reason, details=details)
        )


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
