"""One step of one operation: claim, load, run ONE state, commit. That is all of crash-resume.

The effects of a step are repeatable and its commit comes last, fenced by the lease: dying at any point means that the
next claim runs the same state again.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoneware.clock import Clock
from stoneware.errors import (
    BadInput,
    BakeFailed,
    Conflict,
    LeaseLost,
    Misconfigured,
    NotFound,
    Refused,
    StonewareError,
)
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store

LONGEST_PLACE = 120
FINAL = (Refused, Misconfigured, BakeFailed, Conflict, NotFound, BadInput)
"""Answers that trying again doesn't change: they lead back. Everything else is tried again until the state's deadline."""

LONGEST_BACKOFF_S = 15.0
MOST_PROBLEMS = 3
"""How many problems of an input its refusal tells."""
IDLE_S = LONGEST_BACKOFF_S + 5.0
"""More than this between two steps is time in which nobody worked."""

Log = Callable[[str, str], None]


@dataclass
class Step:
    """A step in the making: what the commit will say."""

    outcome: Outcome
    consumed: int
    paused: bool
    failures: int
    ctx: Context


@dataclass(frozen=True)
class Runner:
    """Runs steps. `log(operation, line)` gets what isn't worth a journal line."""

    store: Store
    procedures: Mapping[str, Procedure[Any]]
    clock: Clock
    log: Log

    def run(self, record: OperationRecord, cancelled: threading.Event | None = None) -> OperationRecord | None:
        """Runs one state of a claimed operation and commits it. None when the lease was lost meanwhile."""
        procedure = self.procedures[record.kind]
        signals = self.store.operations.signals(record.id)
        try:
            step = self._decide(procedure, record, signals, cancelled or threading.Event())
            return self._commit(procedure, record, step)
        except LeaseLost:
            self.log(record.id, "another worker took over, or it was given up; this step is dropped")
            self.store.operations.let_go(record.id, record.lease_owner)
            return None

    def _decide(
        self,
        procedure: Procedure[Any],
        record: OperationRecord,
        signals: Sequence[tuple[int, Signal]],
        cancelled: threading.Event,
    ) -> Step:
        frame = procedure.frame_type.model_validate(record.frame)
        now = self.clock.now()
        frame = frame.model_copy(update={"entered_at": self._entered_at(procedure, record, frame), "looked_at": now})
        ctx = Context(
            record,
            self.clock.now(),
            lambda line: self.log(record.id, line),
            cancelled,
            self.store.operations.noted(record.id),
            lambda key, fact: self.store.operations.note(record, key, fact),
            lambda: self.store.operations.must_hold(record),
        )
        frame, paused, abort = _heed(procedure, ctx, frame, [signal for _, signal in signals])
        consumed = signals[-1][0] if signals else 0
        if abort is not None:
            outcome, failures = self._guard(
                procedure, ctx, frame, lambda: procedure.retreat(ctx, frame.coded("aborted"), abort)
            )
            heard = 0 if isinstance(outcome, Wait) else consumed  # one that couldn't be heeded now is heard again
            return Step(outcome, heard, False, failures, ctx)
        if paused:
            because = next((s.reason for _, s in reversed(signals) if s.kind is SignalKind.PAUSE), "")
            text = record.because if record.paused else f"paused{': ' + because if because else ''}"
            return self._paused(procedure, ctx, frame, text, consumed)
        outcome, failures = self._guard(procedure, ctx, frame, lambda: self._forward(procedure, ctx, frame))
        return Step(outcome, consumed, False, failures, ctx)

    def _paused(self, procedure: Procedure[Any], ctx: Context, frame: Frame, text: str, consumed: int) -> Step:
        """A paused operation is only watched; what can't wait ends the pause."""

        def look() -> Outcome:
            again, seen, trouble = procedure.watch(ctx, frame)
            return procedure.retreat(ctx, seen, trouble) if trouble is not None else Wait(again, seen, text)

        outcome, failures = self._guard(procedure, ctx, frame, look)
        return Step(outcome, consumed, paused=isinstance(outcome, Wait), failures=failures, ctx=ctx)

    def _entered_at(self, procedure: Procedure[Any], record: OperationRecord, frame: Frame) -> float:
        """When the state's time began. A clock that was set back begins it again.

        Where it says so, as on every way back, time in which nobody worked doesn't count.
        """
        now = self.clock.now()
        idle_s = now - frame.looked_at if frame.looked_at and procedure.waits_for_us(record.state) else 0.0
        return min(now, frame.entered_at + (idle_s if idle_s > IDLE_S else 0.0))

    def _forward(self, procedure: Procedure[Any], ctx: Context, frame: Frame) -> Outcome:
        limit = procedure.deadline(ctx.record, frame)
        if limit is not None and ctx.now - frame.entered_at > limit:
            why = ctx.record.because or ctx.record.state.lower()
            return procedure.retreat(
                ctx, frame.coded(self._late_code(procedure, ctx, frame)), f"not done within {limit:g}s: {why}"
            )
        if ctx.record.failures and not procedure.going_back(ctx.record.state):
            frame = frame.coded("")  # what was tried again is over, or says so once more
        return procedure.step(ctx, frame)

    def _late_code(self, procedure: Procedure[Any], ctx: Context, frame: Frame) -> str:
        """What a missed deadline is put down to: to what was tried again until then, else to the time itself."""
        if procedure.going_back(ctx.record.state):
            return "stuck"
        return frame.code or "deadline-passed"

    def _guard(
        self, procedure: Procedure[Any], ctx: Context, frame: Frame, act: Callable[[], Outcome]
    ) -> tuple[Outcome, int]:
        """Turns exceptions into outcomes: a refusal leads back, everything else is tried again later."""
        try:
            return act(), 0
        except LeaseLost:
            raise
        except FINAL as refusal:
            if ctx.cancelled.is_set():  # cut short by a person, heard at the next step, or by the daemon's end
                return Wait(0.0, frame, "cut short"), 0
            if not procedure.going_back(ctx.record.state):
                try:
                    return procedure.retreat(ctx, frame.coded(refusal.code), in_words(refusal)), 0
                except Exception as broken:
                    return self._later(procedure, ctx, frame, broken)
            return self._later(procedure, ctx, frame, refusal)
        except Exception as broken:
            return self._later(procedure, ctx, frame, broken)

    def _later(self, procedure: Procedure[Any], ctx: Context, frame: Frame, broken: Exception) -> tuple[Outcome, int]:
        failures = ctx.record.failures + 1
        pause = min(LONGEST_BACKOFF_S, 0.1 * 2 ** min(failures, 10))
        if not isinstance(broken, StonewareError):
            self.log(ctx.record.id, "".join(traceback.format_exception(broken)))
        if not procedure.going_back(ctx.record.state):  # on the way back, what led there is what counts
            frame = frame.coded(broken.code if isinstance(broken, StonewareError) else "unforeseen")
        return Wait(pause, frame, f"trying again: {broken}"), failures

    def _commit(self, procedure: Procedure[Any], record: OperationRecord, step: Step) -> OperationRecord:
        now, outcome = self.clock.now(), step.outcome
        if isinstance(outcome, Go):
            if outcome.state not in procedure.NEXT[record.state]:
                raise AssertionError(f"{record.kind}: {record.state} may not lead to {outcome.state}")
            frame = outcome.frame.model_copy(update={"entered_at": now})
            return self.store.operations.commit(
                record,
                state=outcome.state,
                frame=frame,
                because=outcome.because,
                wake_at=now,
                decided_at=now,
                text=outcome.because or outcome.state.lower(),
                failures=0,
                paused=False,
                consumed=step.consumed,
                facts=[_moved(record, outcome)],
            )
        if isinstance(outcome, Wait):
            news = _head(outcome.because) != _head(record.because)
            return self.store.operations.commit(
                record,
                state=record.state,
                frame=outcome.frame,
                because=outcome.because,
                wake_at=now + outcome.seconds,
                decided_at=now,
                text=outcome.because if news else None,
                failures=step.failures,
                paused=step.paused,
                consumed=step.consumed,
            )
        ended = Fact(
            verb=f"{record.kind}.{outcome.result.value.lower()}",
            subject=record.subject,
            actor=record.actor,
            reason=outcome.because,
            details={"operation": record.id, **_code_of(outcome), **_told(outcome)},
        )
        return self.store.operations.commit(
            record,
            state=record.state,
            frame=outcome.frame,
            because=outcome.because,
            wake_at=now,
            text=f"{outcome.result.value}: {outcome.because}",
            result=outcome.result,
            consumed=step.consumed,
            facts=[ended],
            also=procedure.effects(record, outcome),
        )


def _moved(record: OperationRecord, outcome: Go) -> Fact:
    """A step from one state to the next, with its reason."""
    details = {"operation": record.id, "from": record.state, "to": outcome.state}
    return Fact(
        verb=f"{record.kind}.step",
        subject=record.subject,
        actor=record.actor,
        reason=outcome.because,
        details=details,
    )


def _told(outcome: Finish) -> dict[str, str]:
    """What the operation itself tells of its end."""
    return outcome.frame.told() if isinstance(outcome.frame, Frame) else {}


def _code_of(outcome: Finish) -> dict[str, str]:
    """The code of an end that nobody hoped for, for the ledger."""
    code = outcome.frame.code if isinstance(outcome.frame, Frame) else ""
    return {"code": code} if code and outcome.result is not Result.SUCCEEDED else {}


def in_words(refusal: StonewareError) -> str:
    """The refusal in words: where a recipe asks for what can't be done, and of an input that can't be read, the places of its first
    problems."""
    if isinstance(refusal, BakeFailed) and refusal.step and refusal.step not in refusal.message:
        place = refusal.step if len(refusal.step) <= LONGEST_PLACE else f"{refusal.step[:LONGEST_PLACE]}…"
        return f"{place}: {refusal}"
    problems = refusal.problems if isinstance(refusal, BadInput) else ()
    places = "; ".join(str(problem) for problem in problems[:MOST_PROBLEMS])
    more = f"; and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
    return f"{refusal.message}: {places}{more}" if places else str(refusal)


def _head(because: str) -> str:
    """What is waited for; behind the semicolon stands how it looks just now, which is for the screen, not for the journal."""
    return because.partition("; ")[0]


def _heed(
    procedure: Procedure[Any], ctx: Context, frame: Frame, signals: Sequence[Signal]
) -> tuple[Frame, bool, str | None]:
    """What the signals change: the frame, whether the operation is paused now, and why it is to be aborted."""
    paused, abort = ctx.record.paused, None
    if frame.pause_due and not procedure.objection(SignalKind.PAUSE, ctx.record):
        paused, frame = True, frame.model_copy(update={"paused_at": ctx.now, "pause_due": False})
    for signal in signals:
        if procedure.objection(signal.kind, ctx.record):
            if signal.kind is SignalKind.PAUSE:  # it was welcome when it was sent
                frame = frame.model_copy(update={"pause_due": True})
            continue
        if signal.kind is SignalKind.PAUSE and not paused:
            paused = True
            frame = frame.model_copy(update={"paused_at": ctx.now})
        elif signal.kind is SignalKind.RESUME and not paused:
            frame = frame.model_copy(update={"pause_due": False})
        elif signal.kind is SignalKind.RESUME:
            paused = False
            lost = max(0.0, ctx.now - (frame.paused_at or ctx.now))
            frame = frame.model_copy(update={"paused_at": None, "entered_at": frame.entered_at + lost})
        elif signal.kind in (SignalKind.APPROVE, SignalKind.RETRY, SignalKind.PROMOTE):
            frame = procedure.heard(signal.kind, frame)
        elif signal.kind is SignalKind.ABORT:
            paused, abort = False, f"aborted by {signal.actor}" + (f": {signal.reason}" if signal.reason else "")
    return frame, paused, abort


def stuck(frame: Frame, because: str) -> Finish:
    """The end that a person must look at."""
    return Finish(Result.STUCK, frame, because)
