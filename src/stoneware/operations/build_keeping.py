"""What is kept of a build: the files that it names, at the place that it names or in its own folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stoneware.host.home import Home
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.procedure import Context
from stoneware.pipeline.artifacts import keep
from stoneware.pipeline.folder import BuildFolder


@dataclass(frozen=True)
class Keeping:
    home: Home

    def __call__(self, ctx: Context, frame: BuildFrame) -> BuildFrame:
        """Raises NotFound when there is nothing of what was promised, and Refused when it can't be kept, or is cut short."""
        wanted = frame.known.artifacts
        if wanted is None or not wanted.paths:
            return frame
        folder = BuildFolder(self.home, ctx.record.id)
        target = Path(wanted.location) if wanted.location else folder.artifacts
        ctx.note("artifacts", "build.keep", ctx.record.id, to=str(target))
        kept = keep(folder.workspace, wanted.paths, target, ctx.cancelled.is_set)
        return frame.model_copy(update={"kept": kept, "kept_in": str(target)})
