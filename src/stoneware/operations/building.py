"""Builds from outside: begun, looked at, cancelled, done once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.clock import Clock
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.build import Allowed, BuildSpec, BuildStatus, BuildView, Source
from stoneware.model.operation import OperationRecord, Signal, SignalKind
from stoneware.operations.build import Build
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_reading import read_build
from stoneware.pipeline.needs import not_allowed
from stoneware.store.store import Store

UNREAD_TTL_S = 86_400.0
"""How long a build may wait as long as nobody has read its file, which says how long it may."""


@dataclass(frozen=True)
class Building:
    """The way in for everybody: people, and what watches repositories. The caller wakes the worker."""

    store: Store
    clock: Clock

    def begin(
        self,
        source: Source,
        *,
        actor: str,
        reason: str = "",
        spec: BuildSpec | None = None,
        config: str = "",
        substitutions: dict[str, str] | None = None,
        allowed: Sequence[Allowed] = (),
        families: Sequence[str] = (),
        deployments: Sequence[str] = (),
        trigger: str = "",
        lane: str = "",
        retries: str = "",
        key: str | None = None,
    ) -> OperationRecord:
        """Queues a build. Without a `spec`, it is read from the source once that is there: from `config`, or whichever there is.

        A folder's build file is read at once as well, so that whoever asks hears at once what is wrong with it. In one `lane`,
        only the newest build that waits is done. With `families` or `deployments` its steps touch no others. Raises BadInput, and
        Refused when a step needs what isn't `allowed`; nothing has begun then.
        """
        given = substitutions or {}
        seen = spec
        if seen is None and source.folder:
            place, build = Path(source.folder), "build-0"
            _must_be_a_folder(place)
            seen = read_build(place, config, source, given, build=build, trigger=trigger)
        refused = not_allowed(seen, allowed) if seen else []
        if refused:
            hint = "`--allow` allows it, if you trust what is built"
            raise Refused("; ".join(refused), hint, code="build-not-allowed")
        frame = BuildFrame(
            spec=spec,
            source=source,
            config=config,
            substitutions=given,
            lane=lane,
            reads=spec is None,
            queue_ttl_s=seen.queue_ttl_s if seen else UNREAD_TTL_S,
            allowed=tuple(allowed),
            families=tuple(families),
            deployments=tuple(deployments),
            trigger=trigger,
            retries=retries,
            entered_at=self.clock.now(),
        )
        return self.store.operations.create(
            kind="build",
            subject=None,
            actor=actor,
            reason=reason,
            state=Build.first,
            frame=frame,
            key=key,
            told=frame.told(),
        )

    def show(self, build: str) -> BuildView:
        """One build. Raises NotFound."""
        return view_of(self._get(build))

    def list(self, limit: int = 50, unfinished: bool | None = None) -> list[BuildView]:
        """Newest first."""
        found = self.store.operations.list(kind="build", limit=limit, unfinished=unfinished)
        return [view_of(record) for record in found]

    def cancel(self, build: str, actor: str, reason: str = "", key: str | None = None) -> BuildView:
        """Ends a build as CANCELLED. Raises Conflict when it is over, or ending."""
        record = self._get(build)
        if record.state == "ENDING" or record.result is not None:
            raise Conflict(f"{build} has ended, or is ending", "there is nothing to cancel", code="signal-refused")
        signal = Signal(kind=SignalKind.ABORT, actor=actor, reason=reason or "cancelled", at=self.clock.now())
        self.store.operations.signal(build, signal, key)
        return self.show(build)

    def retry(self, build: str, actor: str, reason: str = "", key: str | None = None) -> OperationRecord:
        """The same once more, as a build of its own and in no lane: it ends no other one. Raises Conflict while it goes on."""
        record = self._get(build)
        if record.result is None:
            raise Conflict(f"{build} goes on still", "wait for its end, or cancel it", code="operation-under-way")
        old = BuildFrame.model_validate(record.frame)
        return self.begin(
            old.source,
            actor=actor,
            reason=reason or f"{build} once more",
            spec=None if old.reads else old.spec,
            config=old.config,
            substitutions=old.substitutions,
            allowed=old.allowed,
            families=old.families,
            deployments=old.deployments,
            trigger=old.trigger,
            retries=build,
            key=key,
        )

    def _get(self, build: str) -> OperationRecord:
        hint = "`stoneware build list` shows them"
        try:
            record = self.store.operations.get(build)
        except NotFound as lost:
            raise NotFound(f"no build {build}", hint, code="build-not-found") from lost
        if record.kind != "build":
            raise NotFound(f"{build} is no build", hint, code="build-not-found")
        return record


def view_of(record: OperationRecord) -> BuildView:
    """A build as people see it."""
    return view(record, BuildFrame.model_validate(record.frame))


def view(record: OperationRecord, frame: BuildFrame) -> BuildView:
    """The same, with a frame that isn't stored yet."""
    going = BuildStatus.QUEUED if record.state == "QUEUED" else BuildStatus.WORKING
    ended = frame.status or BuildStatus.INTERNAL_ERROR
    return BuildView(
        id=record.id,
        status=going if record.result is None else ended,
        because=frame.failure if record.result else record.because,
        code=record.code,
        source=frame.source,
        actor=record.actor,
        reason=record.reason,
        trigger=frame.trigger,
        retries=frame.retries,
        tags=frame.spec.tags if frame.spec else (),
        allowed=frame.allowed,
        steps=frame.steps,
        images=frame.spec.images if frame.spec else (),
        children=tuple(one for begun in frame.children.values() for one in begun),
        kept=frame.kept,
        kept_in=frame.kept_in,
        created_at=record.created_at,
        began_at=frame.began_at,
        ended_at=record.ended_at,
    )


def _must_be_a_folder(place: Path) -> None:
    """Raises NotFound for what isn't there, or isn't one."""
    try:
        there = place.is_dir()
    except (OSError, ValueError):  # too long a name, or a circle of links
        there = False
    if not there:
        raise NotFound(f"there is no folder {place}", "name the folder of a checkout, or a repository")
