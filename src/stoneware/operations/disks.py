"""What people do with disks: take a snapshot, clone (and restore, `restoring.py`). All copy, so all are operations.

    snapshot:  TAKING -> SUCCEEDED  or DISCARDING -> FAILED
    clone:     CLONING -> SUCCEEDED    or DISCARDING -> FAILED

Each has the deployment that owns the disk to itself, so nothing moves a disk meanwhile.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from stoneware.engines.engine import Engine
from stoneware.errors import Conflict, NotFound
from stoneware.model.machine import WantedDisk
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.snapshot import WantedSnapshot
from stoneware.operations.outcome import Finish, Go, Outcome
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Context, F, Frame, Procedure
from stoneware.operations.progress import watched
from stoneware.operations.telling import disk_told, schema_told
from stoneware.store.store import Store

COPY_LIMIT_S = 6 * 3600.0


class SnapshotFrame(Frame):
    """`engine` has the disk."""

    TELLS = ("disk",)

    engine: str
    disk: str
    snapshot: WantedSnapshot
    failure: str = ""


class CloneFrame(Frame):
    """`source` is a disk or a snapshot, whose data has `data_schema`."""

    TELLS = ("source",)

    engine: str
    source: str
    disk: WantedDisk
    data_schema: int | None = None
    failure: str = ""


@dataclass(frozen=True)
class Copying(Procedure[F]):
    """One long copy, which leaves nothing when it fails."""

    store: Store
    platforms: Platforms

    def engine(self, frame: F) -> Engine:
        """Where the disk is."""
        return self.platforms.get(frame.engine).engine  # type: ignore[attr-defined]

    @abstractmethod
    def withdraw(self, ctx: Context, frame: F) -> None:
        """Takes away what was made, or half made."""

    def discarding(self, ctx: Context, frame: F) -> Outcome:
        """Nothing half-made stays."""
        self.withdraw(ctx, frame)
        return Finish(Result.FAILED, frame, frame.failure)  # type: ignore[attr-defined]

    def retreat(self, ctx: Context, frame: F, reason: str) -> Outcome:
        if ctx.record.state == "DISCARDING":
            return Finish(Result.STUCK, frame, reason)
        return Go("DISCARDING", frame.model_copy(update={"failure": reason}), reason)

    def deadline(self, record: OperationRecord, frame: F) -> float | None:
        return COPY_LIMIT_S if record.state == self.first else 300.0

    def going_back(self, state: str) -> bool:
        return state == "DISCARDING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a {self.kind} can't be told to {signal}; it can be aborted"
        return None if record.state != "DISCARDING" else "it is being discarded already"


@dataclass(frozen=True)
class TakeSnapshot(Copying[SnapshotFrame]):
    """A snapshot that a person asked for: it stays until somebody deletes it."""

    kind = "snapshot"
    first = "TAKING"
    NEXT = {"TAKING": ("DISCARDING",), "DISCARDING": ()}
    frame_type = SnapshotFrame

    def taking(self, ctx: Context, frame: SnapshotFrame) -> Outcome:
        """Copies the disk as it is at one point in time."""
        name = frame.snapshot.name
        ctx.note("snapshot", "disk.snapshot", frame.disk, snapshot=name)
        self.engine(frame).snapshot_disk(frame.disk, frame.snapshot, watched(ctx))
        return Finish(Result.SUCCEEDED, frame, f"disk {frame.disk} is kept as {name}")

    def withdraw(self, ctx: Context, frame: SnapshotFrame) -> None:
        """One of that name which was there before, of another disk, isn't ours."""
        if "snapshot" not in ctx.noted:
            return
        there = [one.disk for one in self.engine(frame).list_snapshots() if one.name == frame.snapshot.name]
        if there in ([], [frame.disk]):
            ctx.note("withdraw", "snapshot.delete", frame.snapshot.name, disk=frame.disk, why=frame.failure)
            self.engine(frame).delete_snapshot(frame.snapshot.name)


@dataclass(frozen=True)
class Clone(Copying[CloneFrame]):
    """Another disk with the same content."""

    kind = "clone"
    first = "CLONING"
    NEXT = {"CLONING": ("DISCARDING",), "DISCARDING": ()}
    frame_type = CloneFrame

    def cloning(self, ctx: Context, frame: CloneFrame) -> Outcome:
        """The schema of its data is known before the disk is there: nothing can take it that couldn't read it."""
        if self._was_there(ctx, frame):
            raise Conflict(f"disk {frame.disk.name} is there already", "give the clone another name", code="name-taken")
        about = {**disk_told(frame.disk), **schema_told(frame.data_schema)}
        ctx.note("clone", "disk.clone", frame.disk.name, source=frame.source, **about)
        self.store.disk_schemas.put(frame.disk.name, frame.data_schema)
        self.engine(frame).clone_disk(frame.source, frame.disk, watched(ctx))
        return Finish(Result.SUCCEEDED, frame, f"disk {frame.disk.name} holds what {frame.source} did")

    def withdraw(self, ctx: Context, frame: CloneFrame) -> None:
        """A disk of that name which was there before isn't ours."""
        if self._was_there(ctx, frame) or "clone" not in ctx.noted:
            return
        ctx.note("withdraw", "disk.delete", frame.disk.name, why=frame.failure)
        self.engine(frame).delete_disk(frame.disk.name)
        self.store.disk_schemas.put(frame.disk.name, None)

    def _was_there(self, ctx: Context, frame: CloneFrame) -> bool:
        there = (one for one in self.engine(frame).list_disks() if one.name == frame.disk.name)
        return any(one.created_at < ctx.record.created_at for one in there)


def engine_of_disk(platforms: Platforms, disk: str) -> str:
    """The name of the engine that has a disk. Raises NotFound."""
    for name, platform in platforms.by_engine.items():
        if disk in [one.name for one in platform.engine.list_disks()]:
            return name
    raise NotFound(f"no disk {disk}", "`stoneware disk list` shows what there is", code="disk-not-found")


def engine_of_snapshot(platforms: Platforms, snapshot: str) -> str:
    """The name of the engine that has a snapshot. Raises NotFound."""
    for name, platform in platforms.by_engine.items():
        if snapshot in [one.name for one in platform.engine.list_snapshots()]:
            return name
    raise NotFound(f"no snapshot {snapshot}", "`stoneware disk snapshots` shows what there is", code="disk-not-found")
