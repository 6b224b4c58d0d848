"""The way back of a rollout: one door to it, and two states. What was there before gets its disks, proves its health, and only then
has the traffic again; then what this rollout made goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stoneware.model.machine import Phase
from stoneware.model.operation import Result
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Context, Procedure
from stoneware.operations.rollout import data, fleets, parts, rehearsal, routes, snapshots, tending
from stoneware.operations.rollout.finishing import end_sessions, still_new
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.kept import kept_machines
from stoneware.operations.rollout.stage import Died, Stage, nobody_hears, some
from stoneware.operations.rollout.table import GOING_BACK, NEXT
from stoneware.store.store import Store

POLL_S = 0.1
QUICK_S = 0.05
MOST_UNDER_WAY = 1000


@dataclass(frozen=True)
class WayBack(Procedure[RolloutFrame]):
    """The half of a rollout that nobody wishes for. `died` hears of machines that did, and are made again on the way."""

    store: Store
    platforms: Platforms
    died: Died = field(default=nobody_hears, kw_only=True)

    # When it fails ---------------------------------------------------------------------------------------------------

    def retreat(self, ctx: Context, frame: RolloutFrame, reason: str) -> Outcome:
        """The one door to the way back. On that way already, it means that a person must look."""
        state = ctx.record.state
        if state in GOING_BACK:
            return Finish(Result.STUCK, frame.coded("stuck"), f"can't get back: {reason}")
        frame = frame.model_copy(update={"failure": reason, "failed_in": state})
        by_person = reason.startswith("aborted by")
        if "AWAITING_DECISION" in NEXT[state] and not by_person and not self._goes_back_by_itself(ctx, frame):
            return Go("AWAITING_DECISION", frame, f"failed: {reason}")
        return Go("REVERTING", frame, f"going back: {reason}")

    def awaiting_decision(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Automatic rollback is switched off: a person decides."""
        if frame.retried:
            again = {"code": "", "retried": False, "tries": {}, "counting": False, "health": {}}
            return Go(frame.failed_in, frame.model_copy(update=again), "tried again by a person")
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        if frame.switched_at is not None:  # the new version has the traffic, and old clients their time
            end_sessions(stage)
        return Wait(1.0, stage.frame, f"{frame.failure}; `stoneware retry` tries again, `stoneware abort` goes back")

    # The way back ----------------------------------------------------------------------------------------------------

    def reverting(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines get their disks back, prove their health, and only then get the traffic."""
        stage = self._stage(ctx, frame)
        source = stage.source
        if source is None:
            for service in stage.target.spec.services:
                routes.remove(stage, service)
            return Go("DISCARDING", stage.frame)
        for service in [service for service in stage.target.spec.services if service not in source.spec.services]:
            routes.remove(stage, service)
        blocked = data.no_way_back(stage)
        if blocked:
            return Finish(Result.STUCK, stage.frame.coded("data-unreadable"), blocked)
        away = [service for service in source.spec.services if not routes.has_traffic(stage, source, service)]
        held = [service for service in stage.held_services if service in away and frame.handed_over]
        for service in held:
            routes.prepare(stage, source, service, held=True)
        leaving = parts.give_back(stage) if frame.handed_over else []
        if leaving:
            return Wait(QUICK_S, stage.frame, f"machines are giving back what was the old ones': {some(leaving)}")
        putting = snapshots.put_back_next(stage)
        if putting:
            return Wait(0.0, stage.frame, putting)
        if not away and not stage.not_in(parts.taken(stage), Phase.SERVING):
            waited = parts.held_for(stage)
            return Go("DISCARDING", stage.frame, f"release {source.number} has the traffic{waited}")
        turning = parts.turning_back(stage, source)
        at_once = [service for service in away if source.spec.services[service].group not in turning]
        groups = parts.returning(stage, source, at_once, turning)
        weak = parts.bring_back(stage, source, groups, at_once, held)
        if weak:
            return Wait(QUICK_S, stage.frame, weak)
        for service in at_once:
            missing = routes.switch(stage, source, service, held=True) if service in held else []
            missing = missing or routes.switch(stage, source, service)
            if missing:
                return Wait(QUICK_S, stage.frame, f"no traffic below strength; waiting for {some(missing)}")
        awaited = parts.take_turns_back(stage, turning) if turning and not at_once else ""
        return Wait(QUICK_S, stage.frame, awaited or "waiting for the proxy to confirm the way back")

    def discarding(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """What this rollout made goes; what it found stays, stopped. Disks are never deleted here."""
        stage = self._stage(ctx, frame)
        if still_new(stage):
            return Wait(POLL_S, stage.frame, "the new machines are answering their last requests")
        for service in stage.source.spec.services if stage.source else ():
            routes.settle(stage, stage.source, service)  # type: ignore[arg-type]
        extra = [name for name in stage.new if name not in stage.old]
        found = extra if frame.found is None else frame.found
        going = fleets.discard(stage, [*stage.helpers, *(name for name in extra if name not in found)])
        going += rehearsal.clear(stage)
        kept = kept_machines(self.store, ctx.record.subject, stage.machines)
        going += fleets.stop(stage, [name for name in stage.machines if name not in (*stage.old, *going, *kept)])
        snapshots.discard(stage)
        if going:
            return Wait(POLL_S, stage.frame, f"removing what this rollout made: {some(going)}")
        return Finish(Result.REVERTED, stage.frame, frame.failure)

    # Parts -----------------------------------------------------------------------------------------------------------

    def _stage(self, ctx: Context, frame: RolloutFrame) -> Stage:
        releases, subject = self.store.releases, ctx.record.subject
        target = releases.get(subject, frame.target)
        source = releases.get(subject, frame.source) if frame.source is not None else None
        stage = Stage(ctx, frame, self.platforms.get(target.spec.engine), target, source, self.store, died=self.died)
        stage.under_way = lambda: self.store.operations.list(unfinished=True, limit=MOST_UNDER_WAY)
        return stage.look()

    def _goes_back_by_itself(self, ctx: Context, frame: RolloutFrame) -> bool:
        release = self.store.releases.get(ctx.record.subject, frame.target)
        return all(group.spec.rollout.auto_rollback for group in release.groups.values())
