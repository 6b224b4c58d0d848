"""An image, baked again from cold and compared: is it what its recipe makes, byte for byte?

BUILDING -> SUCCEEDED (equal), or FAILED with the paths that differ
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stoneware.bake import build, recipe, seal
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.our_base import is_remembered
from stoneware.bake.room import told_when_full
from stoneware.bake.verify import entries_of, load
from stoneware.bake.workspace import Workspace, workspace
from stoneware.decide.difference import diff_files
from stoneware.host.home import Home
from stoneware.model.deployment import ImageSpec
from stoneware.model.image import Artifact, Entrypoint, Manifest
from stoneware.model.listing import shown_path
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.operations.bases import described, offer_bases
from stoneware.operations.outcome import Finish, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store

LIMIT_S = 3600.0
MOST_SHOWN = 50


class RebuildFrame(Frame):
    """`digest` is the image that is compared with; `folder` and `spec` are where its recipe is declared now."""

    TELLS = ("family", "digest")

    digest: str
    family: str
    folder: str
    spec: ImageSpec
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebuild(Procedure[RebuildFrame]):
    """Uses nothing that earlier bakes left but the base and the kernel; nothing of what it makes stays."""

    store: Store
    home: Home

    kind = "rebuild"
    first = "BUILDING"
    NEXT = {"BUILDING": ()}
    frame_type = RebuildFrame

    def building(self, ctx: Context, frame: RebuildFrame) -> Outcome:
        before = load(self.home.images, frame.digest)
        with told_when_full("bake"), workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            files = recipe.find_recipe(Path(frame.folder), frame.spec.containerfile, frame.spec.context)
            ours = offer_bases(self.store, space, files, ctx.now)
            built = build.build(space, files, ctx.now, cold=True)
            pack = ensure_boot_pack(space) if "vm" in before.manifest.deliver else None
            ctx.log("sealing, without anything sealed before")
            after = seal.seal(
                self._cold(space),
                built.image,
                family=frame.family,
                recipe=described(files, built, ours),
                pack=pack,
                writable=frame.spec.writable,
                mounts=frame.mounts,
                deliver=before.manifest.deliver,
                state_schema=frame.spec.state_schema,
            )
            if not is_remembered(self.home, built.image):
                space.buildah("rmi", "--force", built.image, quiet=True)
            return self._verdict(ctx, frame, before, after)

    def _cold(self, space: Workspace) -> Workspace:
        """The same workspace with an empty store of images: what is sealed comes from this build alone."""
        cold = Home(space.folder / "cold")
        cold.prepare()
        (cold.build / "store").symlink_to(self.home.build / "store")
        return Workspace(cold, space.folder, space.line, space.cancel)

    def _verdict(self, ctx: Context, frame: RebuildFrame, before: Artifact, after: Artifact) -> Outcome:
        for line in differences(before, after):
            ctx.log(line)
        known, made = before.manifest, after.manifest
        if _without_recipe(known) == _without_recipe(made):
            same = "image" if known == made else "image (the manifest names another commit or base)"
            return Finish(Result.SUCCEEDED, frame, f"equal: the recipe makes the same {same}, {made.digest[:19]}")
        resealed = known.files != made.files or known.container != made.container
        wrong = "another sealing of the same tree" if resealed else "the same files, with other settings,"
        wrong = "another tree" if known.tree != made.tree else wrong
        return Finish(Result.FAILED, frame, f"not equal: the recipe makes {wrong} today; the log lists what differs")

    def retreat(self, ctx: Context, frame: RebuildFrame, reason: str) -> Outcome:
        return Finish(Result.FAILED, frame, reason)

    def deadline(self, record: OperationRecord, frame: RebuildFrame) -> float | None:
        return LIMIT_S

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        return None if signal is SignalKind.ABORT else f"a rebuild can't be told to {signal}"


def differences(before: Artifact, after: Artifact) -> list[str]:
    """What differs between two bakes, a line each: paths, files of the image, and what they were made of."""
    found = diff_files(entries_of(before), entries_of(after))
    lines = [f"only before: {shown_path(change.path)}" for change in found.removed]
    lines += [f"only now: {shown_path(change.path)}" for change in found.added]
    lines += [f"differs in {', '.join(change.what)}: {shown_path(change.path)}" for change in found.changed]
    if len(lines) > MOST_SHOWN:
        lines = [*lines[:MOST_SHOWN], f"and {len(lines) - MOST_SHOWN} more paths"]
    old, new = before.manifest, after.manifest
    for role in sorted({*old.files, *new.files}):
        if old.files.get(role) != new.files.get(role):
            lines.append(f"file {role} differs")
    if old.container != new.container:
        lines.append("the container differs")
    for name in ("containerfile_sha256", "commit", "dirty", "base_digest", "others"):
        if getattr(old.recipe, name) != getattr(new.recipe, name):
            lines.append(f"{name}: {getattr(old.recipe, name)} -> {getattr(new.recipe, name)}")
    settings = _settings(old), _settings(new)
    for name, value in settings[0].items():
        if value != settings[1][name]:
            lines.append(f"{name}: {_shown(value)} -> {_shown(settings[1][name])}")
    return lines


def _without_recipe(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(exclude={"recipe"})


def _settings(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says beside its files, and what they were made of."""
    told = manifest.model_dump(
        mode="json", exclude={"recipe", "files", "layers", "tree", "tree_bytes", "container", "packages"}
    )
    entrypoint = told.pop("entrypoint") or dict.fromkeys(Entrypoint.model_fields)
    return {**told, **entrypoint}


def _shown(value: Any) -> str:
    return json.dumps(value) if value not in (None, "") else "(none)"
