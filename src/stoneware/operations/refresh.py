"""The base, made anew on purpose: today's packages, a new digest, and every image made from the one before is outdated. The kernel
that starts virtual machines is fetched anew with it.

BUILDING -> SUCCEEDED, or FAILED with the base as it was
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.bake.base import base_record, refresh_base
from stoneware.bake.boot_pack import refresh_boot_pack
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.quantity import counted
from stoneware.operations.outcome import Finish, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure

LIMIT_S = 3600.0


class RefreshFrame(Frame):
    """`before` is the digest of the base that is replaced; empty when there is none."""

    before: str = ""


@dataclass(frozen=True)
class Refresh(Procedure[RefreshFrame]):
    """A base is whole or it isn't there: the store's name moves to the new one in one step."""

    home: Home

    kind = "refresh"
    first = "BUILDING"
    NEXT = {"BUILDING": ()}
    frame_type = RefreshFrame

    def building(self, ctx: Context, frame: RefreshFrame) -> Outcome:
        known = base_record(self.home)
        frame = frame.model_copy(update={"before": frame.before or (known.digest if known else "")})
        ctx.note("refresh", "base.refresh", ctx.record.subject, before=frame.before)
        with workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            made, kernel = refresh_base(space, ctx.now), refresh_boot_pack(space)
        booted = f"; machines made from now on boot Linux {kernel}" if kernel else ""
        if made.digest == frame.before:
            return Finish(Result.SUCCEEDED, frame, f"{made.name} is as it was: the mirror has nothing newer{booted}")
        what = f"{made.name} is {made.digest[:19]} now, {counted(len(made.packages), 'package')}"
        return Finish(Result.SUCCEEDED, frame, what + booted)

    def retreat(self, ctx: Context, frame: RefreshFrame, reason: str) -> Outcome:
        return Finish(Result.FAILED, frame, reason)

    def deadline(self, record: OperationRecord, frame: RefreshFrame) -> float | None:
        return LIMIT_S

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        return None if signal is SignalKind.ABORT else f"a base that is being made can't be told to {signal}"
