"""The rollout: how a release becomes true. One method a state, in the order of execution; read it from top to bottom.

    PREPARING -> [REMOVING] -> PROVISIONING -> VERIFYING -> [AWAITING_APPROVAL] -> [CANARY ...] -> [ROLLING ...]
    -> [SNAPSHOTTING -> [REHEARSING] -> HOLDING -> [RESTORING] -> HANDING_OVER]
    -> SHIFTING -> SOAKING -> DRAINING -> RETIRING -> SUCCEEDED
    and back (`way_back.py`): REVERTING -> DISCARDING -> REVERTED, or STUCK when a person must look.

The old machines serve until the proxy itself says that the new ones do. What is in brackets is for the groups that ask for it:
a canary's new machines get a growing share first; a rolling update's take turns with the old ones; where disks have a single
writer, or the old machines have to stop first, requests wait meanwhile. All groups of a release go this way together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from stoneware.errors import Refused
from stoneware.model.image import Artifact
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.release import PinnedGroup
from stoneware.model.strategy import Verdict
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.procedure import Context
from stoneware.operations.rollout import (
    analysing,
    fleets,
    judging,
    parts,
    recreating,
    rehearsal,
    routes,
    snapshots,
    tending,
    watching,
)
from stoneware.operations.rollout import turns as turns_of
from stoneware.operations.rollout.desired import desired
from stoneware.operations.rollout.elsewhere import Elsewhere
from stoneware.operations.rollout.finishing import end_sessions, still_old
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.kept import kept_machines
from stoneware.operations.rollout.removing import remove
from stoneware.operations.rollout.signals import hear, said_already
from stoneware.operations.rollout.stage import Stage, names_of, people, some
from stoneware.operations.rollout.table import GOING_BACK, NEXT, WATCH_S, WITH_TRAFFIC, deadline_of, objection_to
from stoneware.operations.rollout.way_back import POLL_S, QUICK_S, WayBack


@dataclass(frozen=True)
class Rollout(WayBack):
    """`artifact(digest)` finds the files of a sealed image."""

    artifact: Callable[[str], Artifact]
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

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
        return Go("REMOVING" if frame.replace else "PROVISIONING", stage.frame)

    def removing(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """A repair only: sick machines go, so that they are made anew from the image of their release."""
        stage = self._stage(ctx, frame)
        awaited = remove(stage)
        return (
            Wait(POLL_S, stage.frame, awaited)
            if awaited
            else Go("PROVISIONING", stage.frame, "the sick machines are gone")
        )

    def provisioning(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Images, disks and machines exist; each machine serves, or waits for a disk that an old one still has."""
        stage = self._stage(ctx, frame)
        late = self._bring_up(stage)
        if late:
            return Wait(POLL_S, stage.frame, stage.queued or f"machines are booting: {some(late)}")
        return Go("VERIFYING", stage.frame, f"machines are up: {some(names_of(stage.target, stage.early))}")

    def verifying(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new machines are healthy, now and continuously, and the proxy sees it too. The old ones serve meanwhile."""
        stage = self._stage(ctx, frame)
        late = self._bring_up(stage)
        again = judging.ask(stage, stage.proving)
        services = [s for s in stage.target.spec.services if s not in stage.services_of(stage.later)]
        for service in services:
            routes.prepare(stage, stage.target, service)
        doubtful = late or judging.not_proven(stage, stage.proving)
        if doubtful:
            because = stage.queued or f"waiting for lasting health; {judging.words(stage, doubtful)}"
            return Wait(again, stage.frame, because)
        at_once = [s for s in services if stage.target.spec.services[s].group not in stage.held]
        missing = parts.unseen(stage, at_once)
        if missing:
            return Wait(POLL_S, stage.frame, f"waiting for the proxy to see them up: {some(missing)}")
        unknown = not frame.rollback and not frame.renewal
        if unknown and not frame.approved and any(g.spec.rollout.approval for g in stage.changing):
            return Go("AWAITING_APPROVAL", stage.frame, "the new machines are ready")
        stage.remember(approved=False)
        return parts.onward(stage, "VERIFYING")

    def awaiting_approval(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """A person says yes, or aborts. The new machines are watched all the while, for they may have traffic already."""
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        end_sessions(stage)
        again = judging.ask(stage, stage.proving | people(stage.source, stage.target.groups))
        again = min(again, watching.ask(stage))
        watching.count(stage)
        if trouble := watching.trouble(stage, self.elsewhere, "while a person was asked"):
            return self.retreat(ctx, stage.frame.coded(trouble.code), trouble.because)
        if frame.judged and frame.retried:
            again_all = {"retried": False, "judged": "", "judged_because": "", "counting": False}
            return Go(frame.judged, stage.frame.model_copy(update=again_all), "judged once more, by a person's wish")
        if not frame.approved:
            return Wait(again, stage.frame, parts.asked_words(stage))
        if not frame.judged and judging.not_proven(stage, stage.proving):
            return Go("VERIFYING", stage.frame, "approved; the new machines prove themselves once more")
        stage.remember(approved=False, retried=False, judged="", judged_because="")
        if frame.judged == "CANARY":
            return parts.next_step(stage)
        return Go("DRAINING", stage.frame) if frame.judged else parts.onward(stage, "VERIFYING")

    def canary(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new machines get their share of what is new, and are judged by what they make of it."""
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        step = stage.canary_step
        again = judging.ask(stage, stage.proving | people(stage.source, stage.canaries))
        sick = judging.sick(stage, people(stage.target, stage.beside))
        if sick:
            return self.retreat(
                ctx, stage.frame.coded("machine-sick"), f"sick as a canary; {judging.words(stage, sick)}"
            )
        if step is None or frame.promoted:
            return parts.onward(stage, "CANARY")
        behind = parts.give_shares(stage)
        if behind:
            return Wait(QUICK_S, stage.frame, behind)
        if not frame.counting:
            analysing.begin(stage, stage.canaries)
        name = f"canary step {frame.step + 1} of {len(stage.canary_steps())}, {step.share} %"
        wait = self._judged(stage, stage.canaries, name, step.duration, again, compares=True)
        if wait is not None:
            return wait
        if step.approval:
            return parts.ask_a_person(stage, f"{name} passed")
        return parts.next_step(stage)

    def rolling(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Old and new machines take turns, a few at a time, and enough serve at every moment. Those that came are judged."""
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        parts.end_services(stage, stage.rolling)
        said = analysing.judge_turns(stage, self.elsewhere)
        if said.verdict is Verdict.FAIL:
            return self.retreat(ctx, stage.frame.coded("analysis-failed"), f"the analysis failed: {said.detail}")
        turns = {group: turns_of.advance(stage, group) for group in stage.rolling}
        sick = judging.sick(stage, people(stage.target, stage.beside) | dict.fromkeys(stage.frame.admitted))
        if sick:
            return self.retreat(
                ctx, stage.frame.coded("machine-sick"), f"sick while taking turns; {judging.words(stage, sick)}"
            )
        if all(turn.done for turn in turns.values()):
            return parts.onward(stage, "ROLLING")
        because = "; ".join(turn.awaits for turn in turns.values() if turn.awaits)
        if any(turn.moved for turn in turns.values()):
            return Go("ROLLING", stage.frame, because)
        return Wait(POLL_S, stage.frame, stage.queued or because)

    def snapshotting(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """What the disks hold is kept, before anything of them changes hands. The old machines serve meanwhile."""
        stage = self._stage(ctx, frame)
        left = snapshots.take_next(stage)
        if left:
            return Wait(0.0, stage.frame, f"taking snapshots of disks; {left} left")
        return Go("REHEARSING" if rehearsal.wanted(stage) else "HOLDING", stage.frame, snapshots.words(stage))

    def rehearsing(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new version lives with a copy of the data, where nobody sees it, before it gets the data itself."""
        stage = self._stage(ctx, frame)
        awaited = "" if frame.rehearsed else rehearsal.step(stage)
        if awaited:
            return Wait(POLL_S, stage.frame, awaited)
        if not frame.rehearsed:  # committed before anything of it goes, or a step that dies would rehearse once more
            stage.remember(rehearsed=True)
            return Wait(0.0, stage.frame, "the rehearsal went well")
        going = rehearsal.clear(stage)
        if going:
            return Wait(POLL_S, stage.frame, f"the rehearsal went well; removing {some(going)}")
        return Go("HOLDING", stage.frame, "the rehearsal on a copy of the data went well")

    def holding(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """New requests wait at the proxy; the old machines answer those that are on their way. Services that end, end here."""
        stage = self._stage(ctx, frame)
        parts.end_services(stage, stage.held)
        held = stage.held_services
        for service in held:
            routes.prepare(stage, stage.target, service, held=True)
        stage.remember(held_since=frame.held_since or ctx.now)
        drain = min(stage.target.groups[g].spec.rollout.drain for g in stage.held)
        answering = sum(routes.open_requests(stage, service, active=True) for service in held)
        if answering and ctx.now - frame.entered_at < drain:
            return Wait(QUICK_S, stage.frame, "requests are held; the last ones are being answered")
        stage.remember(handed_over=True)
        return Go("RESTORING" if frame.restore else "HANDING_OVER", stage.frame, "requests are held")

    def restoring(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """A rollback that takes data back, too: the disks leave, are kept as they are, and get what they held before."""
        stage = self._stage(ctx, frame)
        leaving = fleets.release_disks(stage, names_of(stage.source, stage.held))
        if leaving:
            return Wait(QUICK_S, stage.frame, f"disks are leaving {some(leaving)}")
        putting = snapshots.restore_next(stage)
        if putting:
            return Wait(0.0, stage.frame, putting)
        return Go("HANDING_OVER", stage.frame, "the disks hold what they held before")

    def handing_over(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """Every disk leaves its old machine and arrives at its new one, whose application then answers for it.

        Old machines that have to be gone first stop here.
        """
        stage = self._stage(ctx, frame)
        late = parts.hand_over(stage)
        if not late:
            disks = "the disks are over, and " if parts.with_disks(stage, stage.held) else ""
            return Go("SHIFTING", stage.frame, f"{disks}the new machines are healthy")
        if hopeless := recreating.in_vain(stage):
            return self.retreat(ctx, stage.frame.coded(hopeless[0]), hopeless[1])
        return Wait(QUICK_S, stage.frame, late)

    def shifting(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """One atomic switch a service, only to a side of full strength. A hold ends after its switch, never before."""
        stage = self._stage(ctx, frame)
        held = stage.held_services
        for service in stage.target.spec.services:
            if routes.has_traffic(stage, stage.target, service):
                continue
            missing = routes.unseen(stage, stage.target, service)
            if not missing and service in held:
                missing = routes.switch(stage, stage.target, service, held=True)
            missing = missing or routes.switch(stage, stage.target, service, stay=service not in held)
            if missing:
                return Wait(
                    QUICK_S, stage.frame, f"no switch below strength; the proxy doesn't see up: {some(missing)}"
                )
        behind = [s for s in stage.target.spec.services if not routes.has_traffic(stage, stage.target, s)]
        if behind:
            return Wait(QUICK_S, stage.frame, f"waiting for the proxy to confirm the switch of {some(behind)}")
        waited = parts.held_for(stage)
        stage.remember(held_since=None, switched_at=ctx.now, counting=False)
        return Go("SOAKING", stage.frame, f"traffic is on release {frame.target}{waited}")

    def soaking(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The new machines have the traffic and are watched; the old ones stay warm, and are watched too where they could serve."""
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        end_sessions(stage)
        new = people(stage.target, stage.target.groups)
        again = judging.ask(stage, people(stage.source, stage.warm) | new)
        sick = judging.sick(stage, new)
        if sick:
            return self.retreat(
                ctx, stage.frame.coded("machine-sick"), f"sick after the switch; {judging.words(stage, sick)}"
            )
        groups = analysing.replaced(stage)
        if not frame.counting:
            analysing.begin(stage, groups)
        lasts_s = 0.0 if frame.promoted else parts.soak_s(stage)
        wait = self._judged(stage, groups, "watching the new machines; the old ones are warm", lasts_s, again)
        if wait is not None:
            return wait
        if judging.not_up(stage, new):
            return Wait(again, stage.frame, "waiting for the last doubtful health answer")
        return Go("DRAINING", stage.frame)

    def draining(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines finish what they have begun; clients that belong to them may finish there.

        They could serve still, so the new ones are watched to the end: after the last look, nothing is as quick as they are.
        """
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        end_sessions(stage)
        left = still_old(stage)
        again = watching.ask(stage, at_least_every=None if left else POLL_S)
        watching.count(stage)
        if trouble := watching.trouble(stage, self.elsewhere, "while the old machines were finishing"):
            return self.retreat(ctx, stage.frame.coded(trouble.code), trouble.because)
        if left:
            return Wait(min(again, POLL_S), stage.frame, f"the old machines are finishing; {left}")
        if judging.not_up(stage, stage.all_new):
            return Wait(min(again, POLL_S), stage.frame, "waiting for the last doubtful health answer")
        return Go("RETIRING", stage.frame)

    def retiring(self, ctx: Context, frame: RolloutFrame) -> Outcome:
        """The old machines leave the proxy and stop, to be started again if need be. Then the release is current.

        So do machines that an operation left which got stuck: whatever else is of this deployment is nobody's any more, and its
        helpers go. Those that are kept for inspection go on, without traffic.
        """
        stage = self._stage(ctx, frame)
        for service in stage.target.spec.services:
            routes.settle(stage, stage.target, service)
        for service in stage.source.spec.services if stage.source else ():
            if service not in stage.target.spec.services:
                routes.remove(stage, service)
        going = fleets.discard(stage, stage.helpers) + rehearsal.clear(stage)
        kept = kept_machines(self.store, ctx.record.subject, stage.machines)
        going += fleets.stop(stage, [name for name in stage.machines if name not in (*stage.new, *going, *kept)])
        if going:
            return Wait(POLL_S, stage.frame, f"old machines are stopping: {some(going)}")
        return Finish(Result.SUCCEEDED, stage.frame, f"release {frame.target} is current")

    # Rules -----------------------------------------------------------------------------------------------------------

    def deadline(self, record: OperationRecord, frame: RolloutFrame) -> float | None:
        known = [self.store.releases.get(record.subject, n) for n in (frame.target, frame.source) if n is not None]
        return deadline_of(record.state, known[0], frame, *known[1:])

    def going_back(self, state: str) -> bool:
        return state in GOING_BACK

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        return objection_to(signal, record.state, judged=bool(record.frame.get("judged")))

    def already(self, signal: SignalKind, record: OperationRecord) -> bool:
        return said_already(signal, record) or super().already(signal, record)

    def heard(self, signal: SignalKind, frame: RolloutFrame) -> RolloutFrame:
        return hear(signal, frame)

    def watch(self, ctx: Context, frame: RolloutFrame) -> tuple[float, RolloutFrame, str | None]:
        """A pause stops what we do, not what happens: who serves is looked after, and a version that has traffic is judged."""
        stage = self._stage(ctx, frame)
        tending.tend(stage)
        if ctx.record.state not in WITH_TRAFFIC:
            return WATCH_S, stage.frame, None
        end_sessions(stage)
        again = watching.ask(stage)
        trouble = watching.trouble(stage, self.elsewhere, "while paused")
        return (again, stage.frame.coded(trouble.code), trouble.because) if trouble else (again, stage.frame, None)

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        if not isinstance(outcome.frame, RolloutFrame):
            return None
        return desired(self.store.releases, record.subject, outcome.frame, outcome.result)

    # Parts of states -------------------------------------------------------------------------------------------------

    def _bring_up(self, stage: Stage) -> list[str]:
        """What may exist beside the old machines exists; returns the machines that are not as far as they can get alone."""
        for pinned in stage.target.groups.values():
            if pinned.digest not in stage.frame.published:
                self._must_be_usable(pinned, stage.frame)
                parts.publish(stage, self.artifact(pinned.digest), pinned)
        return parts.bring_up(stage)

    def _must_be_usable(self, pinned: PinnedGroup, frame: RolloutFrame) -> None:
        """An image that was revoked meanwhile starts nothing new. A repair is no new use: what runs already goes on."""
        image = self.store.catalog.get(pinned.digest)
        if image.revoked_at is not None and frame.source != frame.target:
            raise Refused(
                f"{image.name} is revoked: {image.revoked_reason}", "deploy another image", code="image-revoked"
            )

    def _judged(
        self, stage: Stage, groups: list[str], name: str, duration_s: float, again: float, *, compares: bool = False
    ) -> Outcome | None:
        """What the figures lead to; None when the time is over and they are good, or a person waits no longer.

        A doubt about the first release of all holds up nobody: nobody may ask it yet, and there is nothing to go back to.
        """
        waited = stage.ctx.now - stage.frame.entered_at
        at_end = waited >= duration_s
        said = analysing.judge(stage, groups, self.elsewhere, compares=compares, at_end=at_end)
        if said.verdict is Verdict.FAIL:
            return self.retreat(stage.ctx, stage.frame.coded("analysis-failed"), f"the analysis failed: {said.detail}")
        if not at_end:
            return Wait(min(again, duration_s - waited), stage.frame, f"{name}; {said.verdict}: {said.detail}")
        if said.verdict is Verdict.PASS or stage.frame.promoted or stage.source is None:
            return None
        extension = analysing.extension_s(stage, groups)
        if waited < duration_s + extension:
            return Wait(again, stage.frame, f"{name}, extended by {extension:g}s; {said.detail}")
        return parts.ask_a_person(stage, f"{stage.ctx.record.state.lower()} is inconclusive: {said.detail}")
