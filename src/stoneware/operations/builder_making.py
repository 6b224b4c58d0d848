"""A builder that the product makes itself: built like a base, and put into the builds' store.

BUILDING -> SUCCEEDED, or FAILED with the builder as it was
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.bake.base import EPOCH, ensure_base
from stoneware.bake.workspace import Workspace, workspace
from stoneware.errors import BakeFailed, ToolFailed
from stoneware.host.home import Home
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.operations.outcome import Finish, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.pipeline.shipped import SHIPPED, Shipped
from stoneware.pipeline.workshop import Workshop

LIMIT_S = 3600.0


class BuilderFrame(Frame):
    """`name` is that of a shipped builder."""

    TELLS = ("name",)

    name: str


@dataclass(frozen=True)
class MakeBuilder(Procedure[BuilderFrame]):
    """Its name in the store moves to the new image in one step."""

    home: Home
    shop: Workshop

    kind = "builder"
    first = "BUILDING"
    NEXT = {"BUILDING": ()}
    frame_type = BuilderFrame

    def building(self, ctx: Context, frame: BuilderFrame) -> Outcome:
        shipped = SHIPPED[frame.name]
        ctx.note("builder", "builder.build", frame.name, image=shipped.image)
        with workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            ensure_base(space, ctx.now)
            self._make(space, shipped)
        known = self.shop.builders.all()
        for name in shipped.stands_for:
            if name not in known:
                self.shop.builders.map(name, shipped.image)
        return Finish(Result.SUCCEEDED, frame, f"{frame.name} is in the builds' store as {shipped.image}")

    def _make(self, space: Workspace, shipped: Shipped) -> None:
        context = space.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Containerfile").write_text(shipped.containerfile)
        for name, text in shipped.files:
            (context / name).write_text(text)
            (context / name).chmod(0o755)
        archive = space.folder / "builder.tar"
        words = ["bud", "--layers", "--timestamp", str(EPOCH), "--isolation", "oci", "--runtime", "runc"]
        words += ["--network", "host", "--pull-always=false", "--tag", shipped.image]
        try:
            space.buildah(*words, "--file", context / "Containerfile", context)
            space.buildah("push", "--quiet", shipped.image, f"docker-archive:{archive}:{shipped.image}", quiet=True)
        except ToolFailed as failed:
            hint = "check the network and the mirror (STONEWARE_DEBIAN_SOURCES)"
            raise BakeFailed(f"the builder {shipped.name} can't be made", "", failed.tail, hint) from failed
        self.shop.podman.run("load", "--quiet", "--input", archive, timeout_s=600)

    def retreat(self, ctx: Context, frame: BuilderFrame, reason: str) -> Outcome:
        return Finish(Result.FAILED, frame, reason)

    def deadline(self, record: OperationRecord, frame: BuilderFrame) -> float | None:
        return LIMIT_S

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        return None if signal is SignalKind.ABORT else f"a builder that is being made can't be told to {signal}"
