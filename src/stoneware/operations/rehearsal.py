"""The rehearsal of a way back: what a rollback would start is started beside, on copies of the disks, and must become healthy.

    COPYING -> STARTING -> PROVING -> CLEARING -> SUCCEEDED, or FAILED with what doesn't work

Nothing that serves is touched: no machine stops, no disk moves, no proxy hears of it. It holds no deployment up either:
rollouts and repairs go their way meanwhile. Whatever happens, CLEARING takes the whole shadow away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stoneware.decide.way_back import way_back
from stoneware.errors import NotFound
from stoneware.model.image import Artifact
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.release import Release
from stoneware.model.way_back import WayBack
from stoneware.names import shadow_owner
from stoneware.operations import shadow
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Context, Procedure
from stoneware.operations.shadow import ShadowFrame, Twin
from stoneware.store.store import Store

POLL_S = 0.1
COPY_LIMIT_S = 6 * 3600.0
CLEAR_LIMIT_S = 300.0
MOST_REHEARSALS = 50


def shadow_frame(target: Release, current: Release, now: float) -> ShadowFrame:
    """What a rehearsal of the way from `current` back to `target` needs to know."""
    before = {name: group.fleet for name, group in current.groups.items()}
    changing = tuple(name for name, group in target.groups.items() if before.get(name) != group.fleet)
    return ShadowFrame(
        engine=target.spec.engine,
        deployment=target.deployment,
        release=target.number,
        current=current.number,
        groups=changing or tuple(target.groups),
        entered_at=now,
    )


def way_back_of(store: Store, deployment: str) -> WayBack:
    """Where a rollback would lead now, and what the last rehearsal of that said."""
    current, target = store.releases.current(deployment), store.releases.previous_good(deployment)
    ended = store.operations.ended(shadow_owner(deployment), limit=MOST_REHEARSALS)
    known = target.number if target and current else None
    return way_back(known, current.number if current else None, ended)


@dataclass(frozen=True)
class Rehearsal(Procedure[ShadowFrame]):
    """`artifact(digest)` finds the files of a sealed image."""

    store: Store
    platforms: Platforms
    artifact: Callable[[str], Artifact]

    kind = "rehearsal"
    first = "COPYING"
    NEXT = {
        "COPYING": ("STARTING", "CLEARING"),
        "STARTING": ("PROVING", "CLEARING"),
        "PROVING": ("CLEARING",),
        "CLEARING": (),
    }
    frame_type = ShadowFrame

    def copying(self, ctx: Context, frame: ShadowFrame) -> Outcome:
        """The images can be started, and every disk has a copy as it is now. The serving machines write on meanwhile."""
        release, platform = self._release(frame), self._platform(frame)
        shadow.must_read(self.store, release, frame.groups)
        for group in frame.groups:
            pinned = release.groups[group]
            ctx.note(f"image:{pinned.digest}", "image.use", pinned.image, digest=pinned.digest)
            platform.engine.publish_image(self.artifact(pinned.digest))
        copied = shadow.copy_next(ctx, platform, self._twins(ctx, frame))
        if copied:
            return Wait(0.0, frame, f"copying disks; {copied} is done")
        return Go("STARTING", frame, f"starting the machines of release {frame.release} beside")

    def starting(self, ctx: Context, frame: ShadowFrame) -> Outcome:
        """The shadow boots, in turn with whatever else boots on this host."""
        frame, late = shadow.start(ctx, frame, self._platform(frame), self.store, self._twins(ctx, frame))
        if late:
            return Wait(POLL_S, frame, late)
        return Go("PROVING", frame, "the shadow serves; it must stay healthy")

    def proving(self, ctx: Context, frame: ShadowFrame) -> Outcome:
        """Each machine is healthy, now and continuously, as a rollback would ask of it."""
        frame, doubtful = shadow.ask(ctx, frame, self._platform(frame), self._twins(ctx, frame))
        if doubtful:
            again = min(self._release(frame).groups[group].spec.health.interval for group in frame.groups)
            sick = any(known.streak < 0 for known in frame.health.values())
            frame = frame.coded("machine-sick" if sick else "")
            return Wait(min(again, 1.0), frame, f"waiting for lasting health; {doubtful[0]}")
        took_s = round(ctx.now - ctx.record.created_at, 1)
        return Go(
            "CLEARING",
            frame.model_copy(update={"took_s": took_s, "code": ""}),
            f"the way back works; it took {took_s:.0f} s",
        )

    def clearing(self, ctx: Context, frame: ShadowFrame) -> Outcome:
        """Nothing of the shadow stays, however it went."""
        going = shadow.clear(ctx, self._platform(frame), frame.deployment)
        if going:
            return Wait(POLL_S, frame, f"taking the shadow away; {len(going)} machines are left")
        if frame.failure:
            return Finish(Result.FAILED, frame, frame.failure)
        told = f"the way back to release {frame.release} works: its machines were healthy after {frame.took_s:.0f} s"
        return Finish(Result.SUCCEEDED, frame, told)

    # Rules -----------------------------------------------------------------------------------------------------------

    def deadline(self, record: OperationRecord, frame: ShadowFrame) -> float | None:
        """As long as the rollback itself would have."""
        if record.state in ("COPYING", "CLEARING"):
            return COPY_LIMIT_S if record.state == "COPYING" else CLEAR_LIMIT_S
        try:
            groups = self._release(frame).groups.values()
        except NotFound:  # the release was forgotten meanwhile; the next step says so
            return CLEAR_LIMIT_S
        progress = max(group.spec.rollout.progress_deadline for group in groups)
        return progress if record.state == "STARTING" else min(progress, max(g.spec.health.deadline for g in groups))

    def retreat(self, ctx: Context, frame: ShadowFrame, reason: str) -> Outcome:
        if ctx.record.state == "CLEARING":
            return Finish(Result.STUCK, frame.coded("stuck"), f"the shadow can't be taken away: {reason}")
        return Go("CLEARING", frame.model_copy(update={"failure": reason, "queue": None}), reason)

    def going_back(self, state: str) -> bool:
        return state == "CLEARING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a rehearsal can't be told to {signal}; it can be aborted"
        return None if record.state != "CLEARING" else "its shadow is being taken away already"

    # Parts -----------------------------------------------------------------------------------------------------------

    def _release(self, frame: ShadowFrame) -> Release:
        return self.store.releases.get(frame.deployment, frame.release)

    def _platform(self, frame: ShadowFrame) -> Platform:
        return self.platforms.get(frame.engine)

    def _twins(self, ctx: Context, frame: ShadowFrame) -> list[Twin]:
        return shadow.twins(self._release(frame), frame.groups, ctx.record.id)
