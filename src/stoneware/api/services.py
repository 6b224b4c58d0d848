"""What the routes work with, and the shapes of requests and answers that are no nouns of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from fastapi import Path as InPath
from pydantic import Field, StringConstraints

from stoneware.clock import Clock
from stoneware.host.home import Home
from stoneware.model.deployment import KeepSpec
from stoneware.model.image import BootTestRecord, Delivery, Image, Manifest
from stoneware.model.lifecycle import Doomed, Reach, Standing, Timer, Timers
from stoneware.model.machine import Disk, Machine
from stoneware.model.noun import Noun
from stoneware.model.operation import OperationRecord, SignalKind
from stoneware.model.plan import Plan
from stoneware.model.quantity import Span
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Frame, Procedure
from stoneware.operations.releasing import Releasing
from stoneware.operations.worker import Worker
from stoneware.store.store import Store

LARGEST_NUMBER = 2**53 - 1
"""What every reader of JSON can hold (RFC 7493, section 2.2)."""

Reason = Annotated[str, StringConstraints(max_length=1000)]
GivenReason = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]
Actor = Annotated[str, Header(alias="X-Stoneware-Actor", max_length=200, pattern=r"^[!-~]+$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=100)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Number = Annotated[int, InPath(ge=1, le=LARGEST_NUMBER)]
Position = Annotated[int, Query(ge=0, le=LARGEST_NUMBER)]
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]


@dataclass(frozen=True)
class Services:
    """Everything a route may use. Routes write operation rows and read; engines are only looked at."""

    home: Home
    clock: Clock
    store: Store
    platforms: Platforms
    releasing: Releasing
    worker: Worker
    procedures: dict[str, Procedure]  # type: ignore[type-arg]

    def repeated(self, key: str | None, kind: str, subject: str) -> OperationRecord | None:
        """What an earlier request with this idempotency key led to: whatever has become of it, it isn't done again."""
        return self.store.operations.repeated(key, kind, subject) if key else None

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


class DeployRequest(Declared):
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
    """`to` is a release number; without one, the last good release. `seen` is the plan that was agreed to, if any."""

    to: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None
    seen: Plan | None = None


class SignalRequest(Why):
    """What to tell a running operation."""

    kind: SignalKind


class Started(Noun):
    """A plan and the operation that carries it out.

    No operation when nothing changes; no plan when a rollout turns back, or when the request was repeated.
    """

    plan: Plan | None = None
    operation: OperationRecord | None = None


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
    """A deployment as it is: what is declared, what runs, who has the traffic, and what is under way."""

    name: str
    current: Release | None
    operation: OperationRecord | None
    last: OperationRecord | None
    routes: tuple[RouteView, ...]
    machines: tuple[Machine, ...]
    disks: tuple[Disk, ...]
    notes: tuple[str, ...] = ()


class Verdict(Noun):
    """Whether the ledger's chain holds: `problem` is null, or names the first bad entry.

    Who notes `entries` and `head` (the last entry's hash) elsewhere sees later that nothing was cut off or written anew.
    """

    problem: str | None
    entries: int
    head: str


class About(Noun):
    """The daemon itself."""

    version: str
    pid: int
    home: str
    memory_bytes: int
