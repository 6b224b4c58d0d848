"""What every long operation is: a table of states, a method a state, a deadline a state, and one way back.

A state's method looks at the world, does what is missing, and says what comes next. It may run again at any time: after a
crash, a lost reply, a lost lease. So it observes before it acts, and its effects are repeatable.
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from sqlalchemy import Connection

from stoneware.model.ledger import Fact
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.operations.outcome import Finish, Outcome

PAUSED_WAKE_S = 3600.0

TURNS = {
    **dict.fromkeys(("machine.create", "machine.start", "machine.stop", "machine.delete"), "power"),
    **dict.fromkeys(("disk.attach", "disk.detach"), "writer"),
    **dict.fromkeys(("disk.schema", "disk.restore"), "data"),
    **dict.fromkeys(("route.share", "route.mix", "route.switch", "route.remove"), "route"),
}
"""What can happen to one thing by turns, and what of it: a machine is stopped, started, and stopped again in one operation."""


class Frame(Noun):
    """What an operation remembers between steps.

    `entered_at` is when the present state began, less the time it was paused. `looked_at` is when the last step began.
    `pause_due`: a pause that was accepted came too late for its state, and begins in the next one that can be paused.
    `code` is that of what went wrong last (`codes.py`): of what led back, once it is on the way back.
    """

    entered_at: float = 0.0
    looked_at: float = 0.0
    paused_at: float | None = None
    pause_due: bool = False
    code: str = ""

    def coded(self, code: str) -> Self:
        """The same frame, with the code of what goes wrong now."""
        return self.model_copy(update={"code": code})

    TELLS: ClassVar[tuple[str, ...]] = ()
    """Which fields say what the operation is about."""

    def told(self) -> dict[str, str]:
        """What the operation is about, for the ledger's entries of its beginning and its end."""
        return {name: str(value) for name in self.TELLS if (value := getattr(self, name)) not in (None, "", False)}


@dataclass
class Context:
    """What a step gets besides its frame. `noted` holds the keys of the facts that the ledger has of this operation.

    `must_hold` raises LeaseLost when the operation is another worker's by now.
    """

    record: OperationRecord
    now: float
    log: Callable[[str], None]
    cancelled: threading.Event
    noted: set[str]
    write: Callable[[str, Fact], None]
    must_hold: Callable[[], None] = lambda: None

    def note(self, key: str, verb: str, subject: str, **details: str) -> None:
        """Enters a fact into the ledger, now, once in an operation for each `key`. It is called BEFORE the effect. Of TURNS it is
        entered again when something else happened to the subject since.

        So no crash can leave an effect without its entry; the entry of an effect that a crash prevented comes true with
        the repetition of the step. Raises LeaseLost, and then the effect must not happen: it is another worker's.
        """
        thing = _thing(verb, subject)
        key = f"{thing}={key}" if thing else key
        if key in self.noted:
            self.must_hold()
            return
        details = {"operation": self.record.id, **details}
        fact = Fact(verb=verb, subject=subject, actor=self.record.actor, reason=self.record.reason, details=details)
        self.write(key, fact)
        self.noted -= {known for known in self.noted if thing and known.startswith(f"{thing}=")}
        self.noted.add(key)


def _thing(verb: str, subject: str) -> str:
    """What takes turns, in 12 letters: keys have a limit. Empty for what happens once."""
    aspect = TURNS.get(verb)
    return hashlib.sha256(f"{aspect} {subject}".encode()).hexdigest()[:12] if aspect else ""


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

    def waits_for_us(self, state: str) -> bool:
        """Whether time in which nobody worked doesn't count for this state's deadline: a daemon that was away for long must still
        try."""
        return self.going_back(state)

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        """Why this signal means nothing to it as it is now; None when it is welcome."""
        return None

    def already(self, signal: SignalKind, record: OperationRecord) -> bool:
        """Whether what this signal wishes is so already: then it is a success without an effect."""
        paused = record.paused or bool(record.frame.get("pause_due"))
        return (signal is SignalKind.PAUSE and paused) or (signal is SignalKind.RESUME and not paused)

    def heard(self, signal: SignalKind, frame: F) -> F:
        """The frame after a person approved, promoted, or wished that something be tried again."""
        return frame

    def watch(self, ctx: Context, frame: F) -> tuple[float, F, str | None]:
        """A look while paused: in how many seconds the next one is due, the frame, and why it must go back if it must: then the
        frame has the code of that."""
        return PAUSED_WAKE_S, frame, None

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        """What moves in the store together with the end: desired state, never anything before it."""
        return None
