"""The end of a deployment: services first, then machines. Disks stay, until someone deletes them by name.

    UNROUTING -> DELETING -> SUCCEEDED

What was under way for the deployment is given up: nobody waits for the way back of something that goes anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.engines.engine import Engine
from stoneware.model.machine import Machine, Power
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release, ReleaseState
from stoneware.names import rehearsal_owner, service_key, shadow_owner
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store

POLL_S = 0.1


class TeardownFrame(Frame):
    """`engine` is where the deployment lives, `services` the names of all its traffic entries, `after` the operation that was
    given up."""

    TELLS = ("after",)

    engine: str
    services: tuple[str, ...] = ()
    after: str | None = None


def teardown_frame(releases: Sequence[Release], active: OperationRecord | None, now: float) -> TeardownFrame:
    """What a teardown needs to know of a deployment: its retained releases, and what is under way for it."""
    return TeardownFrame(
        engine=releases[-1].spec.engine,
        services=tuple(sorted({service for release in releases for service in release.spec.services})),
        after=active.id if active else None,
        entered_at=now,
    )


@dataclass(frozen=True)
class Teardown(Procedure[TeardownFrame]):
    """Repeatable from any point: what is gone already is no obstacle."""

    store: Store
    platforms: Platforms

    kind = "teardown"
    first = "UNROUTING"
    NEXT = {"UNROUTING": ("DELETING",), "DELETING": ()}
    frame_type = TeardownFrame

    def unrouting(self, ctx: Context, frame: TeardownFrame) -> Outcome:
        """Nobody is sent here any more."""
        if frame.after and self.store.operations.held_until(frame.after) > ctx.now:
            return Wait(POLL_S, frame, f"{frame.after} is finishing its last step")
        for service in frame.services:
            ctx.note(f"unroute:{service}", "route.remove", service_key(ctx.record.subject, service))
            self.platforms.get(frame.engine).switch.remove(service_key(ctx.record.subject, service))
        return Go("DELETING", frame)

    def deleting(self, ctx: Context, frame: TeardownFrame) -> Outcome:
        """Every machine of this owner goes, whatever release it is from; one that writes to a disk is stopped in order first."""
        engine = self.platforms.get(frame.engine).engine
        there = engine.list_machines(ctx.record.subject)
        for machine in there:
            if machine.power is Power.RUNNING and machine.attached:
                ctx.note(f"stop:{machine.name}", "machine.stop", machine.name, digest=machine.digest)
                engine.stop_machine(machine.name)
                continue
            ctx.note(f"delete:{machine.name}", "machine.delete", machine.name, digest=machine.digest)
            engine.delete_machine(machine.name)
        apart = rehearsal_owner(ctx.record.subject)  # of a rollout that was given up
        for machine in (left := engine.list_machines(apart)):
            ctx.note(f"delete:{machine.name}", "machine.delete", machine.name, digest=machine.digest)
            engine.delete_machine(machine.name)
        left = [*left, *self._shadow(ctx, engine)]
        if there or left:
            return Wait(POLL_S, frame, f"machines are being deleted: {len(there) + len(left)} left")
        for disk in engine.list_disks(apart):
            ctx.note(f"delete:{disk.name}", "disk.delete", disk.name, why="its rehearsal was given up")
            engine.delete_disk(disk.name)
        kept = [disk.name for disk in engine.list_disks(ctx.record.subject)]
        stay = f"; disks kept: {', '.join(kept)} (`stoneware disk delete NAME` deletes one)" if kept else ""
        return Finish(Result.SUCCEEDED, frame, f"{ctx.record.subject} is gone{stay}")

    def _shadow(self, ctx: Context, engine: Engine) -> list[Machine]:
        """Takes away what a rehearsal left that got stuck; one that is under way does so itself.

        Returns the machines that were left.
        """
        owner = shadow_owner(ctx.record.subject)
        if self.store.operations.active(owner) is not None:
            return []
        for machine in (left := list(engine.list_machines(owner))):
            ctx.note(f"delete:{machine.name}", "machine.delete", machine.name, digest=machine.digest)
            engine.delete_machine(machine.name)
        for disk in engine.list_disks(owner) if not left else ():
            ctx.note(f"delete:{disk.name}", "disk.delete", disk.name, why="its rehearsal got stuck")
            engine.delete_disk(disk.name)
        return left

    def deadline(self, record: OperationRecord, frame: TeardownFrame) -> float | None:
        return 300.0

    def going_back(self, state: str) -> bool:
        """There is only the way on: what is refused now is tried again until the deadline."""
        return True

    def retreat(self, ctx: Context, frame: TeardownFrame, reason: str) -> Outcome:
        return Finish(Result.STUCK, frame, reason)

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        """The deployment is gone. Where it couldn't be ended, the rollout that gave way to this will not be judged any more."""
        name, releases = record.subject, self.store.releases
        if outcome.result is Result.SUCCEEDED:
            return lambda conn: releases.remove(conn, name)
        unjudged = [release.number for release in releases.list(name) if release.state is ReleaseState.NEW]

        def judge(conn: Connection) -> None:
            for number in unjudged:
                releases.mark(conn, name, number, ReleaseState.BAD)

        return judge
