"""The rollout: how a release becomes true. One method a state, in the order of execution; read it from top to bottom.

    PREPARING -> PROVISIONING -> VERIFYING -> [AWAITING_APPROVAL] -> [HOLDING -> HANDING_OVER] -> SHIFTING -> SOAKING
    -> DRAINING -> RETIRING -> SUCCEEDED
    and back: REVERTING -> DISCARDING -> REVERTED, or STUCK when a person must look.

The old machines serve until the proxy itself says that the new ones do. A group whose disks have a single writer takes the
way through HOLDING and HANDING_OVER: requests wait while the disks move, so that no version writes beside the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.errors import Refused
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.release import PinnedGroup
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Context, Procedure
from stoneware.operations.rollout import fleets, judging, routes
from stoneware.operations.rollout.desired import desired
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.stage import Stage, names_of, some
from stoneware.operations.rollout.table import GOING_BACK, NEXT, deadline_of, objection_to
from stoneware.store.store import Store

POLL_S = 0.1
QUICK_S = 0.05
ASK_WHILE_HELD_S = 0.1


@dataclass(frozen=True)
class Rollout(Procedure[RolloutFrame]):
    """`artifact(digest)` finds the files of a sealed image."""

    store: Store
    platforms: Platforms
    artifact: Callable[[str], Artifact]

    kind = "rollout"
    first = "PREPARING"
    NEXT = NEXT
    frame_type = RolloutFrame

    # The way forward -------------------------------------------------------------------------------------------------

    def preparing(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Remembers what is there already, so that the way back removes only what this rollout makes."""
        if frame.after and self.store.operations.held_until(frame.after) > ctx.now:
            return Wait(POLL_S, frame, f"{frame.after} is finishing its last step")
        stage = self._stage(ctx, frame)
        stage.remember(found=tuple(name for name in stage.new if name in stage.machines))
        return Go("PROVISIONING", stage.frame)

    def provisioning(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Images, disks and machines exist; each machine serves, or waits for a disk that an old one still has."""
        stage = self._stage(ctx, frame)
        late = self._bring_up(stage)
        if late:
            return Wait(POLL_S, stage.frame, f"machines are booting: {some(late)}")
        return Go("VERIFYING", stage.frame, f"machines are up: {some(stage.new)}")

    def verifying(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new machines are healthy, now and continuously, and the proxy sees it too. The old ones serve meanwhile."""
        stage = self._stage(ctx, frame)
        late = self._bring_up(stage)
        again = judging.ask(stage, stage.target, stage.staying)
        for service in stage.target.spec.services:
            routes.prepare(stage, stage.target, service)
        doubtful = late or judging.not_proven(stage, stage.target, stage.staying)
        if doubtful:
            return Wait(again, stage.frame, f"waiting for lasting health; {judging.words(stage, doubtful)}")
        missing = self._unseen(stage, [s for s in stage.target.spec.services if s not in self._held_services(stage)])
        if missing:
            return Wait(POLL_S, stage.frame, f"waiting for the proxy to see them up: {some(missing)}")
        if not frame.approved and not frame.rollback and any(g.spec.rollout.approval for g in stage.changing):
            return Go("AWAITING_APPROVAL", stage.frame, "the new machines are ready")
        return self._onward(stage)

    def awaiting_approval(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """A person says yes, or aborts."""
        if frame.approved:
            return self._onward(self._stage(ctx, frame))
        return Wait(
            3600.0, frame, "waiting for a person: `stoneware approve` moves the traffic, `stoneware abort` goes back"
        )

    def holding(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """New requests wait at the proxy; the old machines answer those that are on their way."""
        stage = self._stage(ctx, frame)
        held = self._held_services(stage)
        for service in held:
            routes.prepare(stage, stage.target, service, held=True)
        stage.remember(held_since=frame.held_since or ctx.now)
        drain = min(stage.target.groups[g].spec.rollout.drain for g in stage.moving)
        answering = sum(routes.open_requests(stage, service, active=True) for service in held)
        if answering and ctx.now - frame.entered_at < drain:
            return Wait(QUICK_S, stage.frame, "requests are held; the last ones are being answered")
        stage.remember(handed_over=True)
        return Go("HANDING_OVER", stage.frame, "requests are held")

    def handing_over(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Every disk leaves its old machine and arrives at its new one, whose application then answers for it."""
        stage = self._stage(ctx, frame)
        old, new = names_of(stage.source or stage.target, stage.moving), names_of(stage.target, stage.moving)
        leaving = fleets.release_disks(stage, [name for name in old if name not in new])
        if leaving:
            return Wait(QUICK_S, stage.frame, f"disks are leaving {some(leaving)}")
        fleets.ensure_machines(stage, stage.target)
        fleets.attach_disks(stage.look(), stage.target, stage.moving)
        late = stage.not_in(new, Phase.SERVING)
        if late:
            return Wait(QUICK_S, stage.frame, f"disks are arriving at {some(late)}")
        judging.ask(stage, stage.target, stage.moving, at_least_every=ASK_WHILE_HELD_S)
        weak = judging.not_up(stage, stage.target, stage.moving)
        if weak:
            return Wait(QUICK_S, stage.frame, f"the disks are over; waiting for health; {judging.words(stage, weak)}")
        return Go("SHIFTING", stage.frame, "the disks are over and their new machines healthy")

    def shifting(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """One atomic switch a service, only to a side of full strength. A hold ends after its switch, never before."""
        stage = self._stage(ctx, frame)
        held = self._held_services(stage)
        for service in stage.target.spec.services:
            if routes.has_traffic(stage, stage.target, service):
                continue
            missing = routes.unseen(stage, stage.target, service)
            if missing:
                return Wait(
                    QUICK_S, stage.frame, f"no switch below strength; the proxy doesn't see up: {some(missing)}"
                )
            if service in held:
                routes.switch(stage, stage.target, service, held=True)
            routes.switch(stage, stage.target, service)
        behind = [s for s in stage.target.spec.services if not routes.has_traffic(stage, stage.target, s)]
        if behind:
            return Wait(QUICK_S, stage.frame, f"waiting for the proxy to confirm the switch of {some(behind)}")
        waited = self._held_for(stage)
        stage.remember(held_since=None)
        return Go("SOAKING", stage.frame, f"traffic is on release {frame.target}{waited}")

    def soaking(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new machines have the traffic and are watched; the old ones stay warm."""
        stage = self._stage(ctx, frame)
        again = judging.ask(stage, stage.target, stage.target.groups)
        sick = judging.sick(stage, stage.target, stage.target.groups)
        if sick:
            return self.retreat(ctx, stage.frame, f"sick after the switch; {judging.words(stage, sick)}")
        left = self._soak_s(stage) - (ctx.now - frame.entered_at)
        if left > 0:
            return Wait(min(again, left), stage.frame, "watching the new machines; the old ones are warm")
        if judging.not_up(stage, stage.target, stage.target.groups):
            return Wait(again, stage.frame, "waiting for the last doubtful health answer")
        return Go("DRAINING", stage.frame)

    def draining(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines finish what they have begun."""
        stage = self._stage(ctx, frame)
        longest = max(group.spec.rollout.drain for group in stage.target.groups.values())
        answering = sum(routes.open_requests(stage, service, active=False) for service in stage.target.spec.services)
        if answering and ctx.now - frame.entered_at < longest:
            return Wait(POLL_S, stage.frame, "the old machines are answering their last requests")
        return Go("RETIRING", stage.frame)

    def retiring(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines leave the proxy and stop, to be started again if need be. Then the release is current."""
        stage = self._stage(ctx, frame)
        for service in stage.target.spec.services:
            routes.settle(stage, stage.target, service)
        for service in stage.source.spec.services if stage.source else ():
            if service not in stage.target.spec.services:
                routes.remove(stage, service)
        stopping = fleets.stop(stage, [name for name in stage.old if name not in stage.new])
        if stopping:
            return Wait(POLL_S, stage.frame, f"old machines are stopping: {some(stopping)}")
        return Finish(Result.SUCCEEDED, stage.frame, f"release {frame.target} is current")

    # When it fails ---------------------------------------------------------------------------------------------------

    def retreat(self, ctx: Context, frame: RolloutFrame, reason: str) -> Outcome:
        """The one door to the way back. On that way already, it means that a person must look."""
        state = ctx.record.state
        if state in GOING_BACK:
            return Finish(Result.STUCK, frame, f"can't get back: {reason}")
        frame = frame.model_copy(update={"failure": reason, "failed_in": state})
        by_person = reason.startswith("aborted by")
        if "AWAITING_DECISION" in NEXT[state] and not by_person and not self._goes_back_by_itself(ctx, frame):
            return Go("AWAITING_DECISION", frame, f"failed: {reason}")
        return Go("REVERTING", frame, f"going back: {reason}")

    def awaiting_decision(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Automatic rollback is switched off: a person decides."""
        if frame.approved:
            return Go(
                frame.failed_in, frame.model_copy(update={"approved": False, "tries": {}}), "tried again by a person"
            )
        return Wait(3600.0, frame, f"{frame.failure}; `stoneware approve` tries again, `stoneware abort` goes back")

    # The way back ----------------------------------------------------------------------------------------------------

    def reverting(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines get their disks back, prove their health, and only then get the traffic."""
        stage = self._stage(ctx, frame)
        source = stage.source
        if source is None:
            for service in stage.target.spec.services:
                routes.remove(stage, service)
            return Go("DISCARDING", stage.frame)
        away = [service for service in source.spec.services if not routes.has_traffic(stage, source, service)]
        held = [service for service in self._held_services(stage) if service in away and frame.handed_over]
        for service in held:
            routes.prepare(stage, source, service, held=True)
        new = [name for name in names_of(stage.target, stage.moving) if name not in stage.old]
        leaving = fleets.release_disks(stage, new) if frame.handed_over else []
        if leaving:
            return Wait(QUICK_S, stage.frame, f"disks are leaving {some(leaving)}")
        if not away:
            waited = self._held_for(stage)
            return Go("DISCARDING", stage.frame, f"release {source.number} has the traffic{waited}")
        fleets.ensure_machines(stage, source)
        fleets.attach_disks(stage.look(), source, source.groups)
        for service in away:
            routes.prepare(stage, source, service, held=service in held)
        judging.ask(stage, source, source.groups, at_least_every=ASK_WHILE_HELD_S)
        weak = stage.not_in(stage.old, Phase.SERVING) or judging.not_up(stage, source, source.groups)
        weak = weak or [name for service in away for name in routes.unseen(stage, source, service)]
        if weak:
            return Wait(QUICK_S, stage.frame, f"no traffic below strength; waiting for {some(weak)}")
        for service in away:
            if service in held:
                routes.switch(stage, source, service, held=True)
            routes.switch(stage, source, service)
        return Wait(QUICK_S, stage.frame, "waiting for the proxy to confirm the way back")

    def discarding(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """What this rollout made goes; what it found stays, stopped. Disks are never deleted here."""
        stage = self._stage(ctx, frame)
        for service in stage.source.spec.services if stage.source else ():
            routes.settle(stage, stage.source, service)  # type: ignore[arg-type]
        for service in stage.target.spec.services:
            if stage.source and service not in stage.source.spec.services:
                routes.remove(stage, service)
        extra = [name for name in stage.new if name not in stage.old]
        found = extra if frame.found is None else frame.found
        going = fleets.discard(stage, [name for name in extra if name not in found])
        going += fleets.stop(stage, [name for name in extra if name in found])
        if going:
            return Wait(POLL_S, stage.frame, f"removing what this rollout made: {some(going)}")
        return Finish(Result.REVERTED, stage.frame, frame.failure)

    # Rules -----------------------------------------------------------------------------------------------------------

    def deadline(self, record: OperationRecord, frame: RolloutFrame) -> float | None:
        return deadline_of(record.state, self.store.releases.get(record.subject, frame.target), frame)

    def going_back(self, state: str) -> bool:
        return state in GOING_BACK

    def objection(self, signal: SignalKind, state: str) -> str | None:
        return objection_to(signal, state)

    def approved(self, frame: RolloutFrame) -> RolloutFrame:
        return frame.model_copy(update={"approved": True})

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        frame = outcome.frame
        return (
            desired(self.store.releases, record.subject, frame, outcome.result)
            if isinstance(frame, RolloutFrame)
            else None
        )

    # Parts of states -------------------------------------------------------------------------------------------------

    def _stage(self, ctx: Context, frame: RolloutFrame) -> Stage:
        releases, subject = self.store.releases, ctx.record.subject
        target = releases.get(subject, frame.target)
        source = releases.get(subject, frame.source) if frame.source is not None else None
        return Stage(ctx, frame, self.platforms.get(target.spec.engine), target, source).look()

    def _bring_up(self, stage: Stage) -> list[str]:
        """Everything of the target exists; returns the machines that are not as far as they can get alone."""
        for pinned in stage.target.groups.values():
            if pinned.digest not in stage.frame.published:
                self._must_be_usable(pinned, stage.frame)
                stage.ctx.note(f"image:{pinned.digest}", "image.use", pinned.image, digest=pinned.digest)
                stage.platform.engine.publish_image(self.artifact(pinned.digest))
                stage.remember(published=(*stage.frame.published, pinned.digest))
        fleets.ensure_disks(stage)
        fleets.ensure_machines(stage, stage.target)
        fleets.attach_disks(stage.look(), stage.target, stage.staying)
        late = stage.not_in(names_of(stage.target, stage.staying), Phase.SERVING)
        return late + stage.not_in(names_of(stage.target, stage.moving), Phase.WAITING, Phase.SERVING)

    def _must_be_usable(self, pinned: PinnedGroup, frame: RolloutFrame) -> None:
        """An image that was revoked meanwhile starts nothing new. A repair is no new use: what runs already goes on."""
        image = self.store.catalog.get(pinned.digest)
        if image.revoked_at is not None and frame.source != frame.target:
            raise Refused(f"{image.name} is revoked: {image.revoked_reason}", "deploy another image")

    def _onward(self, stage: Stage) -> Outcome:
        return Go("HOLDING" if stage.moving else "SHIFTING", stage.frame)

    def _held_services(self, stage: Stage) -> list[str]:
        """Services that wait while disks move: those of the moving groups which answer today."""
        known = stage.source.spec.services if stage.source else {}
        return [s for s in stage.services_of(stage.moving) if s in known and s in stage.target.spec.services]

    def _held_for(self, stage: Stage) -> str:
        """How long requests waited, for the journal; and whether some were refused."""
        since = stage.frame.held_since
        if since is None:
            return ""
        held_s = stage.ctx.now - since
        limit_s = min(stage.target.groups[g].spec.rollout.hold_limit for g in stage.moving)
        refused = f", and refused beyond hold_limit ({limit_s:g}s)" if held_s > limit_s else ""
        return f" after requests were held for {held_s:.2f}s{refused}"

    def _unseen(self, stage: Stage, services: list[str]) -> list[str]:
        return [name for service in services for name in routes.unseen(stage, stage.target, service)]

    def _soak_s(self, stage: Stage) -> float:
        """A rollback leads to a release that was good: it is watched only for its health window."""
        changing = [group.spec for group in stage.changing]
        if stage.frame.rollback:
            return max((spec.health.healthy_for for spec in changing), default=0.0)
        return max((spec.rollout.bake_time for spec in changing), default=0.0)

    def _goes_back_by_itself(self, ctx: Context, frame: RolloutFrame) -> bool:
        release = self.store.releases.get(ctx.record.subject, frame.target)
        return all(group.spec.rollout.auto_rollback for group in release.groups.values())
