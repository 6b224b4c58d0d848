"""A build: a commit's steps, in their order, in containers; and a record of what became of each.

    QUEUED -> FETCHING -> WORKING -> COLLECTING -> ENDING -> SUCCEEDED, or ENDING -> FAILED from anywhere

No state waits for a step: supervisors run them and write down how they end, whether a daemon is there or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from stoneware.decide.build.graph import culprit, decided_at, ready, verdict
from stoneware.decide.build.turns import Queued, turns
from stoneware.errors import BadInput, LeaseLost
from stoneware.model.build import BuildSpec, BuildStatus, StepRecord
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_reading import read_build
from stoneware.operations.build_steps import Steps
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.procedure import Context, Procedure
from stoneware.operations.runner import IDLE_S
from stoneware.pipeline.git import what_is_wrong
from stoneware.pipeline.needs import not_allowed
from stoneware.pipeline.workshop import DOCKER, FETCH, Runs
from stoneware.store.store import Store

SOON_S = 0.05
LONGEST_PAUSE_S = 0.5
TURN_S = 0.2
LONGEST_TURN_S = 3.0
LONGEST_WHY_BYTES = 2**16
GRACE_S = 60.0
"""How much longer than its time a state may last before the time is put down to us."""
PATIENCE_S = 60.0
"""How long a bake that is turned back may have its source still."""


CODE_OF = {
    BuildStatus.FAILURE: "build-failed",
    BuildStatus.TIMEOUT: "deadline-passed",
    BuildStatus.EXPIRED: "deadline-passed",
    BuildStatus.CANCELLED: "aborted",
    BuildStatus.INTERNAL_ERROR: "interrupted",
}
"""What an end counts as when nothing finer is known."""


class Collects(Protocol):
    """Keeps what a build has made."""

    def __call__(self, ctx: Context, frame: BuildFrame) -> BuildFrame: ...


@dataclass(frozen=True)
class Build(Procedure[BuildFrame]):
    """`at_once` is how many builds go on at the same time; the others wait in the order in which they came. `tell` hears how a
    build stands, when it begins and when it ends."""

    store: Store
    runs: Runs
    steps: Steps
    at_once: int
    collect: Collects
    tell: Callable[[OperationRecord, BuildFrame, BuildStatus], None] = lambda *_: None

    kind = "build"
    first = "QUEUED"
    NEXT = {
        "QUEUED": ("FETCHING", "ENDING"),
        "FETCHING": ("WORKING", "ENDING"),
        "WORKING": ("COLLECTING", "ENDING"),
        "COLLECTING": ("ENDING",),
        "ENDING": (),
    }
    frame_type = BuildFrame

    def queued(self, ctx: Context, frame: BuildFrame) -> Outcome:
        """Waits for its turn, as long as it may."""
        line = self.store.operations.line("build")
        waiting = [Queued(one.id, one.created_at, one.queue_ttl_s, one.lane) for one in line if one.state == self.first]
        found = turns(waiting, len(line) - len(waiting), self.at_once, ctx.now)
        newer = dict(found.overtaken).get(ctx.record.id)
        if newer:
            return self._end(ctx, frame, BuildStatus.CANCELLED, f"{newer} is of a newer commit")
        if ctx.record.id in found.expired:
            return self._end(ctx, frame, BuildStatus.EXPIRED, f"its turn did not come within {frame.queue_ttl_s:g}s")
        if ctx.record.id not in found.begin:
            ahead = next((at for at, one in enumerate(waiting) if one.id == ctx.record.id), 0)
            return Wait(min(LONGEST_TURN_S, TURN_S * (ahead + 1)), frame, "waiting for its turn")
        self.tell(ctx.record, frame, BuildStatus.WORKING)
        return Go("FETCHING", frame.model_copy(update={"began_at": ctx.now}), "its turn")

    def fetching(self, ctx: Context, frame: BuildFrame) -> Outcome:
        """Fills the workspace, and reads what is to be done if that wasn't said."""
        build = ctx.record.id
        pristine = frame.spec is None or any(step.verb for step in frame.spec.steps)
        self.runs.fetch(build, frame.source, pristine, frame.allowed)
        look = self.runs.look(build, FETCH)
        if look.state in ("none", "running"):
            return Wait(SOON_S, frame, "fetching the source")
        if look.state == "vanished":
            return self._end(ctx, frame, BuildStatus.INTERNAL_ERROR, "the fetching of the source was cut short")
        if look.status:
            return self._end(
                ctx, frame, BuildStatus.FAILURE, f"the source can't be fetched: {self._why(build, look.last)}"
            )
        spec = frame.spec or self._read(build, frame)
        began_at = ctx.now if frame.began_at is None else frame.began_at
        if frame.reads and began_at - ctx.record.created_at > spec.queue_ttl_s:  # nobody knew it while it waited
            return self._end(ctx, frame, BuildStatus.EXPIRED, f"its turn did not come within {spec.queue_ttl_s:g}s")
        refused = not_allowed(spec, frame.allowed)
        if refused:
            return self._end(ctx, frame.coded("build-not-allowed"), BuildStatus.FAILURE, "; ".join(refused))
        for warning in spec.warnings:
            self.runs.say(build, f"warning: {warning}")
        records = tuple(StepRecord(id=step.id, name=step.image or str(step.verb)) for step in spec.steps)
        frame = frame.model_copy(update={"spec": spec, "steps": records, "works_from": ctx.now})
        return Go("WORKING", frame, "the source is there")

    def _why(self, build: str, last: str) -> str:
        """What went wrong in fetching: its log, which has nothing else yet, knows more than the last line."""
        log = self.runs.folder(build).log
        told = log.read_bytes()[-LONGEST_WHY_BYTES:] if log.exists() else b""
        return what_is_wrong(told.decode("utf-8", "replace") or last)

    def _read(self, build: str, frame: BuildFrame) -> BuildSpec:
        """Raises BadInput. All that is wrong is in the log then."""
        source, trigger = self.runs.folder(build).source, frame.trigger
        try:
            return read_build(source, frame.config, frame.source, frame.substitutions, build=build, trigger=trigger)
        except BadInput as bad:
            for problem in bad.problems:
                self.runs.say(build, str(problem))
            raise

    def working(self, ctx: Context, frame: BuildFrame) -> Outcome:
        """Looks at which steps have ended, and begins those that wait for nothing any more. What ended in time was in time,
        whenever that is seen."""
        spec = frame.known
        works_from = min(ctx.now, frame.entered_at if frame.works_from is None else frame.works_from)
        frame = self.steps.look(ctx, frame.model_copy(update={"works_from": works_from}))
        status, why = verdict(spec, frame.steps)
        rested_s = _rested_s(ctx, frame) if status is BuildStatus.WORKING else 0.0
        if rested_s:
            frame = frame.model_copy(update={"works_from": works_from + rested_s})
            return Wait(0.0, frame, ctx.record.because)  # kept before anything else is tried
        took_s = (decided_at(spec, frame.steps) or ctx.now) - works_from
        if took_s > spec.timeout_s and status in (BuildStatus.WORKING, BuildStatus.SUCCESS, BuildStatus.FAILURE):
            return self._end(ctx, frame, BuildStatus.TIMEOUT, f"it took longer than {spec.timeout_s:g}s")
        if status not in (BuildStatus.WORKING, BuildStatus.SUCCESS):
            return self._end(ctx, frame.coded(_code_of(frame)), status, why)
        if status is BuildStatus.SUCCESS:
            return Go("COLLECTING", frame, why)
        frame = self._begin(ctx, frame)
        running = [record.id for record in frame.steps if record.status is BuildStatus.WORKING]
        pause_s = min(LONGEST_PAUSE_S, max(SOON_S, (ctx.now - _last_news(frame)) / 50))
        return Wait(pause_s, frame, f"running {', '.join(running)}" if running else "between two steps")

    def _begin(self, ctx: Context, frame: BuildFrame) -> BuildFrame:
        """Begins what waits for nothing any more, until a step fails over it. What this turn has come to is kept before anything
        that can't be begun is heard of: the next turn asks again."""
        known = BuildFrame.model_validate(ctx.record.frame)
        for number in ready(frame.known, frame.steps):
            try:
                frame = self.steps.begin(ctx, frame, number)
            except LeaseLost:
                raise
            except Exception:
                if (frame.steps, frame.children) == (known.steps, known.children):
                    raise
                return frame
            if culprit(frame.known, frame.steps) is not None:
                return frame
        return frame

    def collecting(self, ctx: Context, frame: BuildFrame) -> Outcome:
        """What was to be there at the end is there, and what is to be kept is kept. Whoever cancels it meanwhile is heard."""
        missing = self.runs.missing(ctx.record.id, frame.known.images)
        if missing:
            return self._end(ctx, frame, BuildStatus.FAILURE, f"no step has made the image {', '.join(missing)}")
        kept = self.collect(ctx, frame)
        if any(signal.kind is SignalKind.ABORT for _, signal in self.store.operations.signals(ctx.record.id)):
            return Wait(0.0, frame, "cut short")
        return Go("ENDING", kept.ends(BuildStatus.SUCCESS, ""), "")

    def ending(self, ctx: Context, frame: BuildFrame) -> Outcome:
        """Nothing of it runs any more, and its workspace goes. What it has begun is looked for, for whoever began it may have died
        before that was noted."""
        build = ctx.record.id
        frame = self.steps.found(ctx, frame)
        left = self.steps.give_up(ctx)
        if any(one.kind == "bake" for one in left) and ctx.now - frame.entered_at < PATIENCE_S:
            self.steps.stop(ctx, frame)
            return Wait(SOON_S, frame, f"turning back {', '.join(one.id for one in left)}")
        if not self.runs.end(build, [FETCH, DOCKER, *(str(number) for number in range(len(frame.steps)))]):
            return Wait(SOON_S, frame, "ending what still runs")
        frame = _closed(frame, ctx.now)
        status = frame.status or BuildStatus.INTERNAL_ERROR
        self.runs.say(build, f"{status}{': ' + frame.failure if frame.failure else ''}")
        self.tell(ctx.record, frame, status)
        if status is BuildStatus.SUCCESS:
            return Finish(Result.SUCCEEDED, frame, f"SUCCESS: {len(frame.steps)} steps")
        return Finish(Result.FAILED, frame, f"{status}: {frame.failure}")

    def retreat(self, ctx: Context, frame: BuildFrame, reason: str) -> Outcome:
        if ctx.record.state == "ENDING":
            return Finish(Result.STUCK, frame, reason)
        status = {
            "aborted": BuildStatus.CANCELLED,
            "unforeseen": BuildStatus.INTERNAL_ERROR,
            "deadline-passed": BuildStatus.INTERNAL_ERROR,
            "unreachable": BuildStatus.INTERNAL_ERROR,
            "misconfigured": BuildStatus.INTERNAL_ERROR,
        }.get(frame.code, BuildStatus.FAILURE)
        return self._end(ctx, frame, status, reason.replace("aborted by", "cancelled by", 1))

    def _end(self, ctx: Context, frame: BuildFrame, status: BuildStatus, why: str) -> Outcome:
        frame = frame if frame.code else frame.coded(CODE_OF[status])
        return Go("ENDING", frame.ends(status, why), f"{status}: {why}")

    def deadline(self, record: OperationRecord, frame: BuildFrame) -> float | None:
        """The times of build and steps are told apart in `working`; these are for what goes wrong with us."""
        working = frame.spec.timeout_s + GRACE_S if frame.spec else None
        return {"QUEUED": None, "FETCHING": 1800.0, "WORKING": working}.get(record.state, 300.0)

    def going_back(self, state: str) -> bool:
        return state == "ENDING"

    def waits_for_us(self, state: str) -> bool:
        """What supervisors run has its own time, which is judged by what they wrote down."""
        return True

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a build can't be told to {signal}; it can be cancelled"
        return None if record.state != "ENDING" else "it is ending already"

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None


def _last_news(frame: BuildFrame) -> float:
    """When a step last began or ended: those that run for long are looked at less often."""
    times = [at for one in frame.steps for at in (one.began_at, one.ended_at) if at is not None]
    return max(times, default=frame.entered_at)


def _rested_s(ctx: Context, frame: BuildFrame) -> float:
    """How long nothing of it has run because nobody was there to begin what came next."""
    looked_at = float(ctx.record.frame.get("looked_at") or ctx.now)
    steps = zip(frame.known.steps, frame.steps, strict=True)
    runs = any(record.status is BuildStatus.WORKING and not step.verb for step, record in steps)
    if runs or ctx.now - looked_at <= IDLE_S:
        return 0.0
    return max(0.0, ctx.now - max([looked_at, *(one.ended_at or 0.0 for one in frame.steps)]))


def _closed(frame: BuildFrame, now: float) -> BuildFrame:
    """Steps that were cut short or never began."""
    for number, record in enumerate(frame.steps):
        if record.status is BuildStatus.WORKING:
            frame = frame.with_step(number, status=_cut(frame.status), ended_at=now, because="cut short")
        elif record.status is BuildStatus.PENDING:
            frame = frame.with_step(number, status=BuildStatus.CANCELLED, because="never began")
    return frame


def _code_of(frame: BuildFrame) -> str:
    """Why it failed: the reason that its step could not begin, or that it ran and did not pass."""
    at = culprit(frame.known, frame.steps)
    return "build-failed" if at is None else frame.codes.get(at, "build-failed")


def _cut(status: BuildStatus | None) -> BuildStatus:
    """What a step counts as that was running when its build ended so."""
    return status if status in (BuildStatus.TIMEOUT, BuildStatus.INTERNAL_ERROR) else BuildStatus.CANCELLED
