"""Stoneware's own steps of a build: check, bake, publish, deploy, on the commit as it was fetched.

What a step of another kind has changed in the workspace doesn't count here: an image is what its commit says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stoneware.clock import Clock
from stoneware.decide.lifecycle import standing
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.host.home import Home
from stoneware.model.document import Document
from stoneware.model.image import ImageState
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.names import environment_deployment, split_image_name
from stoneware.operations.bake import Bake, BakeFrame
from stoneware.operations.bases import disks_of
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_reading import LARGEST_BYTES, OURS
from stoneware.operations.gatekeeping import BUILDS, Gatekeeping
from stoneware.operations.procedure import Context
from stoneware.operations.promoting import Promoting, Wanted
from stoneware.pipeline.folder import BuildFolder, read_below
from stoneware.pipeline.words import WORKSPACE
from stoneware.spec.environments import targets
from stoneware.spec.load import parse
from stoneware.store.store import Store


@dataclass(frozen=True)
class OwnSteps:
    """Each begins operations of the ordinary kinds, under the build's name: `build/ID` is their actor."""

    store: Store
    home: Home
    gatekeeping: Gatekeeping
    promoting: Promoting
    clock: Clock

    def begin(self, ctx: Context, frame: BuildFrame, number: int) -> tuple[str, ...]:
        step = frame.known.steps[number]
        folder, document = self._declared(ctx, step.directory)
        if step.verb == "bake":
            return self._bake(ctx, frame, number, document, folder)
        if step.verb == "publish":
            self._must_be_published(frame, step.args)
        elif step.verb == "deploy":
            return self._deploy(ctx, frame, number, document)
        elif step.verb == "promote":
            return self._promote(ctx, frame, number, document)
        return ()

    def _declared(self, ctx: Context, directory: str) -> tuple[Path, Document]:
        """What the commit declares in this folder of it, and where that lies. Raises Refused, NotFound, BadInput."""
        path = PurePosixPath(directory)
        if not path.is_relative_to(WORKSPACE):
            raise Refused(f"{directory} is no folder of the commit", f"name a `dir` below {WORKSPACE}")
        within, root = path.relative_to(WORKSPACE), BuildFolder(self.home, ctx.record.id).source
        text = read_below(root, within / OURS, LARGEST_BYTES)
        if text is None:
            raise NotFound(
                f"the source has no {within / OURS}", "`stoneware init` writes one", code="declaration-missing"
            )
        return root / within, parse(text, str(within / OURS), root / within).document

    def look(self, identity: str) -> OperationRecord:
        return self.store.operations.get(identity)

    def under_way(self, ctx: Context) -> list[OperationRecord]:
        return [one for one in self.store.operations.under_way().values() if one.actor == actor_of(ctx)]

    def give_up(self, ctx: Context, identity: str) -> None:
        record = self.store.operations.get(identity)
        if record.result is not None or any(
            s.kind is SignalKind.ABORT for _, s in self.store.operations.signals(identity)
        ):
            return
        why = f"{ctx.record.id} ended"
        signal = Signal(kind=SignalKind.ABORT, actor=actor_of(ctx), reason=why, at=self.clock.now())
        try:
            self.store.operations.signal(identity, signal, f"{ctx.record.id}-abort-{identity}")
        except Conflict:
            return  # it ended by itself meanwhile

    def _bake(self, ctx: Context, frame: BuildFrame, number: int, document: Document, folder: Path) -> tuple[str, ...]:
        families = frame.known.steps[number].args or tuple(document.images)
        _must_be_declared("image", families, document.images)
        _must_be_among("bake into", families, frame.families)
        return tuple(self._bake_one(ctx, frame, number, document, folder, family) for family in families)

    def _bake_one(
        self, ctx: Context, frame: BuildFrame, number: int, document: Document, folder: Path, family: str
    ) -> str:
        baking = BakeFrame(
            family=family,
            folder=str(folder),
            spec=document.images[family],
            disks=disks_of(document, family),
            build=ctx.record.id,
            network="network" in frame.allowed,
            owner=frame.source.place,
            entered_at=self.clock.now(),
        )
        return self.store.operations.create(
            kind="bake",
            subject=f"family:{family}",
            actor=actor_of(ctx),
            reason=reason_of(ctx, frame),
            state=Bake.first,
            frame=baking,
            key=f"{ctx.record.id}-{number}-{family}",
            told=baking.told(),
        ).id

    def _must_be_published(self, frame: BuildFrame, names: tuple[str, ...]) -> None:
        """A bake publishes what it has tested; this is where a build says that it counts on it: on all that it has baked, or on
        images and families by name. Raises Refused, NotFound."""
        records = [self.store.operations.get(one) for begun in frame.children.values() for one in begun]
        bakes = {record.subject.removeprefix("family:"): record for record in records if record.kind == "bake"}
        if not names and not bakes:
            raise Refused("this build has baked nothing", "bake before you publish, or name what has to be published")
        for name in names or bakes:
            if name in bakes:
                self._must_have_published(bakes[name])
            elif split_image_name(name) is None:
                self.store.catalog.resolve(name)
            elif (state := standing(self.store.catalog.get(name), self.clock.now()).state) is not ImageState.ACTIVE:
                raise Refused(f"{name} is {state}", "bake it again, or name another image", code="image-retired")

    def _must_have_published(self, bake: OperationRecord) -> None:
        digest = str(bake.frame.get("digest", ""))
        if bake.result is not Result.SUCCEEDED or self.store.catalog.get(digest).state is ImageState.STAGED:
            raise Refused(f"{bake.id} has published nothing", "bake before you publish")

    def _deploy(self, ctx: Context, frame: BuildFrame, number: int, document: Document) -> tuple[str, ...]:
        known = targets(document)
        names = frame.known.steps[number].args or tuple(name for name, one in known.items() if one.gates is None)
        _must_be_declared("deployment", names, known)
        of = {name: known[name].environment for name in names}
        _must_be_among("deploy", [one.deployment if one else name for name, one in of.items()], frame.deployments)
        begun = []
        for name in names:
            key = f"{ctx.record.id}-{number}-{name}"
            record = self.store.operations.repeated(key, "rollout", name)
            if record is None:
                record = self.gatekeeping.deploy(name, known[name], actor_of(ctx), reason_of(ctx, frame), key)[1]
            begun += [record.id] if record else []
        return tuple(begun)

    def _promote(self, ctx: Context, frame: BuildFrame, number: int, document: Document) -> tuple[str, ...]:
        """A promotion that waits for somebody's approval has been asked for: the build doesn't wait for them."""
        source, environment, *names = frame.known.steps[number].args  # two at least, as was checked
        deployments = names or sorted(document.environments.get(environment, {}))
        if not deployments:
            raise NotFound(
                f"stoneware.yaml declares no environment {environment}",
                "write the args of the step as [FROM, TO]",
                code="environment-not-found",
            )
        _must_be_among("promote", deployments, frame.deployments)
        known, begun = targets(document), []
        for name in deployments:
            wanted = Wanted(source, environment, name, known)
            key = f"{ctx.record.id}-{number}-{name}"
            promotion = self.store.promotions.repeated(key, environment_deployment(name, environment))
            if promotion is None:
                if not self.promoting.plan(wanted, actor_of(ctx)).plan.changes:
                    continue  # what is to come is there already
                promotion = self.promoting.request(wanted, actor_of(ctx), reason_of(ctx, frame), key)
            begun += [promotion.operation] if promotion.operation else []
        return tuple(begun)


def actor_of(ctx: Context) -> str:
    """Who does what a build's own steps do."""
    return f"{BUILDS}{ctx.record.id}"


def reason_of(ctx: Context, frame: BuildFrame) -> str:
    """Why: the build, and the commit that it is of."""
    commit = f" of {frame.repository}@{frame.commit[:12]}" if frame.commit else f" of {frame.repository}"
    return f"{ctx.record.id}{commit}" + (f": {ctx.record.reason}" if ctx.record.reason else "")


def _must_be_declared(what: str, names: tuple[str, ...], known: Mapping[str, object]) -> None:
    lost = [name for name in names if name not in known]
    if lost or not names:
        raise NotFound(
            f"stoneware.yaml declares no {what} {', '.join(lost)}".rstrip(), "check the args of the build's step"
        )


def _must_be_among(do: str, names: Sequence[str], allowed: Collection[str]) -> None:
    """A commit may say whatever it likes; what it may touch is for whoever made its trigger to say. Raises Refused."""
    strange = [name for name in names if allowed and name not in allowed]
    if strange:
        why = f"this build may not {do} {', '.join(strange)}, only {', '.join(allowed)}"
        raise Refused(why, "whoever made its trigger can allow it", code="build-not-allowed")
