"""A restore: a disk holds what a snapshot does.

    KEEPING -> STOPPING -> RESTORING -> STARTING -> SUCCEEDED
    and back: STARTING -> FAILED, or STUCK when a person must look

What the disk holds is kept in a snapshot first, unless that is not wanted. The application of its machine stops for as long as
the copy takes, and gets the disk again whatever became of it. A disk that no machine has is just restored.
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.decide.schema import after_writing
from stoneware.engines.engine import Engine
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.snapshot import WantedSnapshot
from stoneware.names import snapshot_name
from stoneware.operations.disks import COPY_LIMIT_S
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.operations.progress import watched
from stoneware.operations.telling import schema_told
from stoneware.store.store import Store

POLL_S = 0.1
LIMITS_S = {"STOPPING": 120.0, "STARTING": 300.0}


class RestoreFrame(Frame):
    """`machine` has the disk when this begins; None when none has it. `data_schema` is that of the snapshot."""

    TELLS = ("disk", "snapshot", "machine")

    engine: str
    disk: str
    snapshot: str
    machine: str | None = None
    data_schema: int | None = None
    keep: bool = True
    failure: str = ""


@dataclass(frozen=True)
class Restore(Procedure[RestoreFrame]):
    """Repeatable up to the moment in which the machine may have the disk again: that is a state of its own."""

    store: Store
    platforms: Platforms

    kind = "restore"
    first = "KEEPING"
    NEXT = {
        "KEEPING": ("STOPPING", "STARTING"),
        "STOPPING": ("RESTORING", "STARTING"),
        "RESTORING": ("STARTING",),
        "STARTING": (),
    }
    frame_type = RestoreFrame

    def keeping(self, ctx: Context, frame: RestoreFrame) -> Outcome:
        """What is about to be lost is kept, while its machine goes on."""
        if not frame.keep:
            return Go("STOPPING", frame)
        name = snapshot_name(frame.disk, ctx.record.id)
        known = self.store.disk_schemas.of([frame.disk])[frame.disk]
        ctx.note("keep", "disk.snapshot", frame.disk, snapshot=name)
        why = f"before {frame.snapshot} was put back"
        self._engine(frame).snapshot_disk(
            frame.disk, WantedSnapshot(name=name, why=why, data_schema=known), watched(ctx)
        )
        return Go("STOPPING", frame, f"what it holds is kept as {name}")

    def stopping(self, ctx: Context, frame: RestoreFrame) -> Outcome:
        """The machine's application ends in order, and lets the disk go."""
        machine = self._holder(frame)
        if machine is None:
            return Go("RESTORING", frame)
        if machine.power is Power.RUNNING and machine.phase is not Phase.WAITING:
            self._engine(frame).quiesce_machine(machine.name)
            return Wait(POLL_S, frame, f"the application of {machine.name} is stopping")
        ctx.note("detach", "disk.detach", frame.disk, machine=machine.name)
        self._engine(frame).detach_disk(frame.disk, machine.name)
        return Go("RESTORING", frame, f"{machine.name} has let go of it")

    def restoring(self, ctx: Context, frame: RestoreFrame) -> Outcome:
        """The copy, in one step at its end; and the schema of what is there now."""
        ctx.note("restore", "disk.restore", frame.disk, snapshot=frame.snapshot, **schema_told(frame.data_schema))
        self._engine(frame).restore_disk(frame.disk, frame.snapshot, watched(ctx))
        self.store.disk_schemas.put(frame.disk, frame.data_schema)
        return Go("STARTING", frame, f"it holds {frame.snapshot}")

    def starting(self, ctx: Context, frame: RestoreFrame) -> Outcome:
        """Its machine gets it again, whether it was restored or not, and serves."""
        machine = self._waiting(frame)
        if machine is not None and machine.phase is not Phase.SERVING:
            if machine.phase is Phase.WAITING:
                self._attach(ctx, frame, machine)
            return Wait(POLL_S, frame, f"{machine.name} is getting its disk again")
        if frame.failure:
            return Finish(Result.FAILED, frame, frame.failure)
        return Finish(Result.SUCCEEDED, frame, f"disk {frame.disk} holds what {frame.snapshot} does")

    def retreat(self, ctx: Context, frame: RestoreFrame, reason: str) -> Outcome:
        if ctx.record.state == "STARTING":
            return Finish(Result.STUCK, frame, f"{frame.machine} doesn't serve with disk {frame.disk}: {reason}")
        return Go("STARTING", frame.model_copy(update={"failure": reason}), reason)

    def deadline(self, record: OperationRecord, frame: RestoreFrame) -> float | None:
        return LIMITS_S.get(record.state, COPY_LIMIT_S)

    def going_back(self, state: str) -> bool:
        return state == "STARTING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a restore can't be told to {signal}; it can be aborted"
        return None if record.state != "STARTING" else "it is nearly over"

    def _engine(self, frame: RestoreFrame) -> Engine:
        return self.platforms.get(frame.engine).engine

    def _holder(self, frame: RestoreFrame) -> Machine | None:
        """The machine that has the disk now."""
        engine = self._engine(frame)
        writer = next((one.writer for one in engine.list_disks() if one.name == frame.disk), None)
        return next((one for one in engine.list_machines() if one.name == writer), None) if writer else None

    def _waiting(self, frame: RestoreFrame) -> Machine | None:
        """The machine that is to have the disk again, if it runs; one that died meanwhile is replaced by others."""
        found = [one for one in self._engine(frame).list_machines() if one.name == frame.machine]
        return found[0] if found and found[0].power is Power.RUNNING else None

    def _attach(self, ctx: Context, frame: RestoreFrame, machine: Machine) -> None:
        known = self.store.disk_schemas.of([frame.disk])[frame.disk]
        after = after_writing(known, self.store.catalog.manifest(machine.digest).state_schema)
        if after is not None and after != known:
            ctx.note("schema", "disk.schema", frame.disk, schema=str(after))
            self.store.disk_schemas.raise_to(frame.disk, after)
        ctx.note("attach", "disk.attach", frame.disk, machine=machine.name)
        self._engine(frame).attach_disk(frame.disk, machine.name)
