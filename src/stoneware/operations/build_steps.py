"""The steps of a build: containers that are looked at by what their supervisors wrote, and Stoneware's own as operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stoneware.errors import BadInput, Conflict, NotFound, Refused, StonewareError
from stoneware.host.supervised import Look
from stoneware.model.build import BuildStatus, BuildStep
from stoneware.model.operation import OperationRecord, Result
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.procedure import Context
from stoneware.operations.runner import in_words
from stoneware.pipeline.workshop import Runs, step_name

NOT_RUN = 125
"""podman's own exit status, when it did not come to the command (podman-run(1)); a program may have the same."""
NO = (NotFound, Refused, Conflict, BadInput)
"""Answers that are about one step: it fails, and the build only if it wasn't allowed to."""


class Verbs(Protocol):
    """What Stoneware itself does as a step, through the same doors as a person."""

    def begin(self, ctx: Context, frame: BuildFrame, number: int) -> tuple[str, ...]:
        """Begins it, or finds what was begun; the ids of its operations, none if it is done at once."""

    def look(self, identity: str) -> OperationRecord:
        """How one of them is."""

    def under_way(self, ctx: Context) -> list[OperationRecord]:
        """What the build has begun and goes on, whether or not that came to be noted."""

    def give_up(self, ctx: Context, identity: str) -> None:
        """Turns one of them back, if it goes on."""


@dataclass(frozen=True)
class Steps:
    runs: Runs
    verbs: Verbs

    def begin(self, ctx: Context, frame: BuildFrame, number: int) -> BuildFrame:
        """Begins a step that waits for nothing any more, once however often it is asked for. One of our own waits as long as
        somebody else has what it is about. One that can't begin has failed; what others have come to isn't lost with it."""
        step = frame.known.steps[number]
        try:
            if step.verb:
                frame = _with_children(frame, number, self.verbs.begin(ctx, frame, number))
            else:
                self.runs.start(ctx.record.id, number, step, frame.allowed)
        except NO as wrong:
            frame = _with_children(frame, number, self._half_begun(ctx, frame, number)) if step.verb else frame
            if step.verb and wrong.code == "operation-under-way":
                return frame
            return self._can_not_begin(ctx, frame, number, wrong)
        return frame.with_step(number, status=BuildStatus.WORKING, began_at=ctx.now)

    def _half_begun(self, ctx: Context, frame: BuildFrame, number: int) -> tuple[str, ...]:
        """What a step of our own had begun before it couldn't begin more: all that belongs to no other step."""
        others = {one for at, begun in frame.children.items() if at != number for one in begun}
        return tuple(one.id for one in self.verbs.under_way(ctx) if one.id not in others)

    def _can_not_begin(self, ctx: Context, frame: BuildFrame, number: int, wrong: StonewareError) -> BuildFrame:
        """The frame with a step that failed before it began. Of an input that can't be read, the log has all that is wrong."""
        for identity in frame.children.get(number, ()):
            self.verbs.give_up(ctx, identity)
        name, because = step_name(number, frame.known.steps[number]), in_words(wrong)
        problems = wrong.problems if isinstance(wrong, BadInput) else ()
        for line in [wrong.message, *map(str, problems)] if problems else [because]:
            self.runs.say(ctx.record.id, f"{name}: {line}")
        frame = frame.model_copy(update={"codes": {**frame.codes, number: wrong.code}})
        ended = {"began_at": ctx.now, "ended_at": ctx.now, "because": because}
        return frame.with_step(number, status=BuildStatus.FAILURE, **ended)

    def look(self, ctx: Context, frame: BuildFrame) -> BuildFrame:
        """The frame with what became of the steps that were running."""
        for number, record in enumerate(frame.steps):
            if record.status is BuildStatus.WORKING:
                step = frame.known.steps[number]
                frame = self._look_at_verb(ctx, frame, number) if step.verb else self._look_at(ctx, frame, number, step)
        return frame

    def give_up(self, ctx: Context) -> list[OperationRecord]:
        """Turns back what steps of our own have begun. Returns what of it isn't over yet."""
        left = self.verbs.under_way(ctx)
        for one in left:
            self.verbs.give_up(ctx, one.id)
        return left

    def found(self, ctx: Context, frame: BuildFrame) -> BuildFrame:
        """The frame with steps whose container was begun although that wasn't noted: whoever began them died over it."""
        for number, record in enumerate(frame.steps):
            if record.status is BuildStatus.PENDING and not frame.known.steps[number].verb:
                look = self.runs.look(ctx.record.id, str(number))
                if look.state != "none":
                    frame = frame.with_step(number, status=BuildStatus.WORKING, began_at=look.began_at or ctx.now)
        return frame

    def stop(self, ctx: Context, frame: BuildFrame) -> None:
        """Stops the containers of a build."""
        for number, step in enumerate(frame.known.steps if frame.steps else ()):
            if not step.verb and self.runs.look(ctx.record.id, str(number)).state == "running":
                self.runs.stop(ctx.record.id, number)

    def _look_at(self, ctx: Context, frame: BuildFrame, number: int, step: BuildStep) -> BuildFrame:
        look = self.runs.look(ctx.record.id, str(number))
        if look.state in ("none", "running"):
            began = look.began_at or frame.steps[number].began_at or ctx.now
            if step.timeout_s is not None and ctx.now - began > step.timeout_s:
                self.runs.stop(ctx.record.id, number)
                why = f"longer than {step.timeout_s:g}s"
                return frame.with_step(number, status=BuildStatus.TIMEOUT, ended_at=ctx.now, because=why)
            return frame
        status, because = _meaning(look, self.runs.came_to_run(ctx.record.id, number))
        since, until = look.began_at, look.ended_at
        if step.timeout_s is not None and since is not None and until is not None and until - since > step.timeout_s:
            status, because = BuildStatus.TIMEOUT, f"longer than {step.timeout_s:g}s"  # while nobody looked
        if status is BuildStatus.INTERNAL_ERROR:
            self.runs.stop(ctx.record.id, number)
        return frame.with_step(
            number,
            status=status,
            because=because,
            exit_code=look.status,
            began_at=since,
            ended_at=until or ctx.now,
        )

    def _look_at_verb(self, ctx: Context, frame: BuildFrame, number: int) -> BuildFrame:
        operations = [self.verbs.look(identity) for identity in frame.children.get(number, ())]
        bad = next((one for one in operations if one.result not in (None, Result.SUCCEEDED)), None)
        if bad is not None:
            why = f"{bad.id} {bad.result}: {bad.because}"
            return frame.with_step(number, status=BuildStatus.FAILURE, ended_at=ctx.now, because=why)
        if any(one.result is None for one in operations):
            return frame
        told = "; ".join(f"{one.id}: {one.because}" for one in operations)
        if told:
            self.runs.say(ctx.record.id, f"{step_name(number, frame.known.steps[number])}: {told}")
        last_at = max((one.ended_at or ctx.now for one in operations), default=ctx.now)
        return frame.with_step(number, status=BuildStatus.SUCCESS, ended_at=last_at, because=told)


def _with_children(frame: BuildFrame, number: int, begun: tuple[str, ...]) -> BuildFrame:
    return frame.model_copy(update={"children": {**frame.children, number: begun}}) if begun else frame


def _meaning(look: Look, came_to_run: bool) -> tuple[BuildStatus, str]:
    """What the end of a step's container says. One that came to run may end with any code, and say anything at last."""
    if look.state == "vanished":
        return BuildStatus.INTERNAL_ERROR, "it was cut short: its supervisor is gone"
    if look.status == 0:
        return BuildStatus.SUCCESS, ""
    if look.status == NOT_RUN and not came_to_run and look.last.startswith("Error:"):
        return _not_run(look.last.removeprefix("Error: ").strip())
    return BuildStatus.FAILURE, look.last if look.status in (126, 127) else ""


def _not_run(said: str) -> tuple[BuildStatus, str]:
    if "image not known" in said or "did not resolve" in said or "initializing source" in said:
        hint = "`stoneware builder map` names an image for it, `stoneware builder build` makes one"
        return BuildStatus.FAILURE, f"its image isn't there: {said} ({hint})"
    if "no command" in said:
        why = "it says no command, and neither does its image"
        return BuildStatus.FAILURE, f"{why} (write `args`, `entrypoint` or `script`)"
    return BuildStatus.INTERNAL_ERROR, f"podman could not run it: {said}"
