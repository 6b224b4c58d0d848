"""What the routes work with, and the shapes of requests and answers that are no nouns of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from fastapi import Path as InPath
from pydantic import Field, StringConstraints

from stoneware.clock import Clock
from stoneware.host.home import Home
from stoneware.model.deployment import KeepSpec
from stoneware.model.drift import DriftReport
from stoneware.model.health import Health
from stoneware.model.image import BootTestRecord, Delivery, Image, Manifest
from stoneware.model.ledger import Fact
from stoneware.model.lifecycle import Doomed, Reach, Standing, Timer, Timers
from stoneware.model.machine import Disk, Machine
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.model.plan import Plan
from stoneware.model.promotion import GateName
from stoneware.model.quantity import Span
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.model.snapshot import SnapshotName
from stoneware.model.way_back import WayBack
from stoneware.operations.building import Building
from stoneware.operations.drift import Drifting
from stoneware.operations.explaining import Explaining
from stoneware.operations.findings import Finding
from stoneware.operations.gatekeeping import Gatekeeping
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Frame, Procedure
from stoneware.operations.promoting import Promoting
from stoneware.operations.releasing import Releasing
from stoneware.operations.shells import Shells
from stoneware.operations.triggering import Triggering
from stoneware.operations.worker import Worker
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

LARGEST_NUMBER = 2**53 - 1
"""What every reader of JSON can hold (RFC 7493, section 2.2)."""

Reason = Annotated[str, StringConstraints(max_length=1000)]
GivenReason = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]
Actor = Annotated[str, Header(alias="X-Stoneware-Actor", max_length=200, pattern=r"^[!-~]+$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=100)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Number = Annotated[int, InPath(ge=1, le=LARGEST_NUMBER)]
Forced = Annotated[tuple[GateName, ...], Field(max_length=len(GateName))]
Position = Annotated[int, Query(ge=0, le=LARGEST_NUMBER)]
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]


@dataclass(frozen=True)
class Services:
    """Everything a route may use. Routes write operation rows and read; engines are only looked at.

    `notes(deployment)` says what is wrong with its machines and isn't being mended now, `health(names)` what the watch knows,
    `drift` looks for what differs.
    """

    home: Home
    clock: Clock
    store: Store
    platforms: Platforms
    releasing: Releasing
    worker: Worker
    procedures: dict[str, Procedure]  # type: ignore[type-arg]
    notes: Callable[[str], Sequence[str]]
    health: Callable[[Collection[str]], Mapping[str, Health]]
    shells: Shells
    drift: Drifting
    triggering: Triggering

    @property
    def building(self) -> Building:
        """What begins builds and shows them."""
        return Building(self.store, self.clock)

    @property
    def explaining(self) -> Explaining:
        """What explains things, over the same parts."""
        return Explaining(self.store, self.platforms, self.clock, self.procedures, self.notes, self.health)

    @property
    def gatekeeping(self) -> Gatekeeping:
        """What deploys, through the gates of environments."""
        return Gatekeeping(self.store, self.clock, self.releasing)

    @property
    def promoting(self) -> Promoting:
        """What promotes, over the same parts."""
        finding = Finding(self.store, self.platforms, self.clock, self.drift)
        return Promoting(self.store, self.clock, self.releasing, finding)

    def repeated(self, key: str | None, kind: str | None, subject: str) -> OperationRecord | None:
        """What an earlier request with this idempotency key led to: whatever has become of it, it isn't done again. `kind` None: an
        operation of any kind."""
        return self.store.operations.repeated(key, kind, subject) if key else None

    def enter(self, verb: str, subject: str, actor: str, reason: str, details: Mapping[str, str] | None = None) -> None:
        """Enters a fact into the ledger, before what it is the record of."""
        fact = Fact(verb=verb, subject=subject, actor=actor, reason=reason, details=dict(details or {}))
        with writing(self.store.db) as conn:
            append(conn, self.clock.now(), fact)

    def begin(
        self,
        kind: str,
        subject: str,
        frame: Frame,
        *,
        actor: str,
        reason: str,
        key: str | None,
        instead: bool = False,
    ) -> OperationRecord:
        """Leaves an operation for the worker, in the first state of its procedure. Raises Conflict while another has the subject;
        `instead` gives that one up."""
        record = self.store.operations.create(
            kind=kind,
            subject=subject,
            actor=actor,
            reason=reason,
            state=self.procedures[kind].first,
            frame=frame.model_copy(update={"entered_at": self.clock.now()}),
            key=key,
            instead=instead,
            told=frame.told(),
        )
        self.worker.poke()
        return record


def _services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Given = Annotated[Services, Depends(_services_of)]
"""A route's parameter that gets the application's services."""


class Declared(Noun):
    """A declaration as text, with the folder (absolute) that its paths lead from."""

    text: Annotated[str, StringConstraints(max_length=2**20)]
    file: Annotated[str, StringConstraints(max_length=4096)] = "stoneware.yaml"
    folder: Folder
    reason: Reason = ""


class PlanRequest(Declared):
    """`force` names gates of the environment to go past: with a reason, when it comes to a deploy."""

    force: Forced = ()


class DeployRequest(PlanRequest):
    """`seen` is the plan that was agreed to: with it, another plan is a conflict. Without it, any plan will do."""

    seen: Plan | None = None


class BakeRequest(Declared):
    """Which family of the declaration to bake, as what (if not as declared), and what becomes of its image in time, counted from
    its publishing."""

    family: Name
    deliver: tuple[Delivery, ...] | None = None
    timers: Timers = Timers()


class Why(Noun):
    """A reason, for the ledger."""

    reason: Reason = ""


class GoodReason(Noun):
    """A reason that must be given: for what concerns everybody who uses an image."""

    reason: GivenReason


class TimersRequest(Why):
    """Times from now on, such as `30d`; `never` takes a timer away, one that isn't given stays as it is."""

    deprecate_in: Span | Literal["never"] | None = None
    obsolete_in: Span | Literal["never"] | None = None
    delete_in: Span | Literal["never"] | None = None

    def times(self, now: float) -> dict[Timer, float | None]:
        """When each one that is given comes (seconds since the epoch); None takes it away."""
        given = {
            Timer.DEPRECATE: self.deprecate_in,
            Timer.OBSOLETE: self.obsolete_in,
            Timer.DELETE: self.delete_in,
        }
        return {
            timer: None if isinstance(span, str) else now + span for timer, span in given.items() if span is not None
        }


class PruneRequest(Why):
    """`seen` holds the digests that were agreed to: with it, nothing else is deleted. Without it, whatever may go."""

    seen: Annotated[tuple[str, ...], Field(max_length=100_000)] | None = None


class RollbackRequest(Why):
    """`to` is a release number; without one, the last good release. `seen` is the plan that was agreed to, if any.

    `restore_data` also puts back the newest snapshots that the release can read, of disks whose data it can't.
    """

    to: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None
    restore_data: bool = False
    seen: Plan | None = None


class SignalRequest(Why):
    """What to tell a running operation. `force` names gates of the environment that a failed rollout goes past when it is started
    once more: with a reason."""

    kind: SignalKind
    force: Forced = ()


class Started(Noun):
    """A plan and the operation that carries it out.

    No operation when nothing changes; no plan when a rollout turns back, or when the request was repeated.
    """

    plan: Plan | None = None
    operation: OperationRecord | None = None


class MachineView(Machine):
    """A machine, and why nobody can vouch for it any more; empty while everybody can."""

    tainted: str = ""


class ImageView(Image):
    """An image, and what it counts as now: `state` is what was stored last."""

    effective: Standing


class ImageFate(Noun):
    """Why an image is kept: what reaches it, and what timers and its family's rule say."""

    image: ImageView
    reasons: tuple[Reach, ...]
    over: bool
    why: str


class Revocation(Noun):
    """What was revoked, the image itself first, and who has it still: a person decides about those.

    `notes` name engines that couldn't be looked at; what they have isn't in `machines`.
    """

    revoked: tuple[ImageView, ...]
    machines: tuple[str, ...]
    releases: tuple[str, ...]
    operations: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Pruned(Noun):
    """What a prune has deleted."""

    deleted: tuple[Doomed, ...]


class ImageDetail(Noun):
    """An image with all that is known of it. `used_by` names machines and retained releases."""

    image: ImageView
    manifest: Manifest
    boot_test: BootTestRecord | None
    used_by: tuple[str, ...]


class Family(Noun):
    """A family: what it resolves to now, all its images, and how long they are kept (null: for ever)."""

    name: str
    resolves_to: ImageView | None
    images: tuple[ImageView, ...]
    keep: KeepSpec | None = None


class DeploymentStatus(Noun):
    """A deployment as it is: what is declared, what runs, who has the traffic, what is under way, the way back, and what the
    last look at its drift found."""

    name: str
    current: Release | None
    operation: OperationRecord | None
    last: OperationRecord | None
    routes: tuple[RouteView, ...]
    machines: tuple[MachineView, ...]
    disks: tuple[Disk, ...]
    notes: tuple[str, ...] = ()
    way_back: WayBack = WayBack()
    drift: DriftReport | None = None


class DiskView(Disk):
    """A disk, and the schema that its data has; null where no image has said anything of it."""

    data_schema: int | None = None


class SnapshotRequest(Why):
    """`name` is the snapshot's; without one, it is made of the disk's name and the time."""

    name: SnapshotName | None = None


class RestoreRequest(Why):
    """What to put back. `keep` takes a snapshot of what is there first; `other_disk` says that another disk's is meant."""

    snapshot: SnapshotName
    keep: bool = True
    other_disk: bool = False


class CloneRequest(Why):
    """`source` is a disk or a snapshot. The clone belongs to `owner`, a deployment; without one, to the source's."""

    source: SnapshotName
    name: SnapshotName
    owner: Name | None = None


class About(Noun):
    """The daemon itself."""

    version: str
    pid: int
    home: str
    memory_bytes: int
