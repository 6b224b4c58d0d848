"""An export: a stored image becomes a file or a folder outside.

    WRITING -> PLACING -> SUCCEEDED, or DISCARDING -> FAILED

It is written under a hidden name beside its target, which it takes at the end. A daemon that dies meanwhile leaves the hidden
one; the next daemon goes on with this operation, and removes it first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from stoneware.bake.verify import load
from stoneware.bake.workspace import workspace
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.moving import placing, writing
from stoneware.moving.disk import Disk
from stoneware.moving.meter import Meter
from stoneware.moving.parts import parts_of
from stoneware.moving.trouble import told
from stoneware.operations.outcome import Finish, Go, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store

Form = Literal["archive", "layout", "disk", "gce"]
"""One file with an OCI layout in it; the layout as a folder; a raw bootable disk; the same as Compute Engine imports it."""


class ExportFrame(Frame):
    """`to` is absolute. `force` replaces what stands there."""

    TELLS = ("name", "digest", "to", "form")

    digest: str
    name: str
    to: str
    form: Form = "archive"
    force: bool = False
    failure: str = ""


@dataclass(frozen=True)
class Export(Procedure[ExportFrame]):
    """Writes with the daemon's own rights: whoever reaches its socket is its owner, and gets none that they haven't."""

    store: Store
    home: Home

    kind = "export"
    first = "WRITING"
    NEXT = {"WRITING": ("PLACING", "DISCARDING"), "PLACING": ("DISCARDING",), "DISCARDING": ()}
    frame_type = ExportFrame

    def writing(self, ctx: Context, frame: ExportFrame) -> Outcome:
        """Writes all of it beside its target, each file compared with its digest."""
        target, part = self._places(ctx, frame)
        ctx.note("export", "image.export", frame.name, to=frame.to, form=frame.form, digest=frame.digest)
        with told(target):
            placing.require_room_for_it(target, frame.form == "layout", frame.force)
            placing.withdraw(part, target)
            self._write(ctx, frame, part)
        return Go("PLACING", frame, "written")

    def placing(self, ctx: Context, frame: ExportFrame) -> Outcome:
        """It takes its name."""
        target, part = self._places(ctx, frame)
        with told(target):
            placing.place(part, target, frame.force)
        image = self.store.catalog.get(frame.digest)
        warning = f"; it is revoked: {image.revoked_reason}" if image.revoked_at is not None else ""
        return Finish(Result.SUCCEEDED, frame, f"exported {frame.name} to {target}{warning}")

    def retreat(self, ctx: Context, frame: ExportFrame, reason: str) -> Outcome:
        if ctx.record.state == "DISCARDING":
            return Finish(Result.STUCK, frame, reason)
        return Go("DISCARDING", frame.model_copy(update={"failure": reason}), reason)

    def discarding(self, ctx: Context, frame: ExportFrame) -> Outcome:
        """Nothing half-written stays."""
        target, part = self._places(ctx, frame)
        placing.withdraw(part, target)
        return Finish(Result.FAILED, frame, frame.failure)

    def deadline(self, record: OperationRecord, frame: ExportFrame) -> float | None:
        return 3600.0 if record.state == "WRITING" else 300.0

    def going_back(self, state: str) -> bool:
        return state == "DISCARDING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"an export can't be told to {signal}; it can be aborted"
        return None if record.state == "WRITING" else "it is nearly over"

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None

    def _places(self, ctx: Context, frame: ExportFrame) -> tuple[Path, Path]:
        target = Path(frame.to)
        return target, placing.unfinished(target, ctx.record.id, self.home.root)

    def _write(self, ctx: Context, frame: ExportFrame, part: Path) -> None:
        artifact = load(self.home.images, frame.digest)
        if artifact.manifest.digest != frame.digest:
            raise Refused(
                f"{artifact.folder / 'manifest.json'} was changed: it isn't what was sealed",
                "bake it again",
                code="image-damaged",
            )
        if frame.form in ("disk", "gce"):
            self._write_disk(ctx, frame, artifact, part)
            return
        parts = parts_of(artifact, self.store.catalog.boot_test(frame.digest))
        files = writing.entries(artifact.manifest, parts, frame.name)
        meter = Meter(writing.total_bytes(files), ctx.log, ctx.cancelled)
        _require_room(part, meter.total_bytes)
        (writing.write_layout if frame.form == "layout" else writing.write_archive)(files, part, meter)

    def _write_disk(self, ctx: Context, frame: ExportFrame, artifact: Artifact, part: Path) -> None:
        total = sum(sealed.size_bytes for sealed in artifact.manifest.files.values())
        _require_room(part, total)
        with workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            disk = Disk(space, artifact)
            disk.write_gce(part) if frame.form == "gce" else disk.write(part)


def _require_room(part: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < needed_bytes:
        mib = 2**20
        text = f"{part.parent} has {free // mib} MiB free, and this needs {needed_bytes // mib} MiB"
        raise Refused(text, "free some space, or name another place", code="disk-full")
