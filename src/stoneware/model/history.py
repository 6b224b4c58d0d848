"""A moment of the past, as the ledger tells it; and how a machine came to be."""

from __future__ import annotations

from stoneware.model.image import Image
from stoneware.model.ledger import LedgerEntry
from stoneware.model.lifecycle import Standing
from stoneware.model.machine import Power
from stoneware.model.noun import Noun
from stoneware.model.release import Release


class MachineThen(Noun):
    """A machine. `release` is the number of the release that first had its content, `operation` what made it.

    `power` is what Stoneware had last asked of it: that a process died by itself is in no ledger.
    """

    name: str
    owner: str
    group: str
    release: int
    index: int
    digest: str
    power: Power = Power.RUNNING
    created_at: float
    operation: str = ""


class DiskThen(Noun):
    """A disk, the machine that had it, and the schema of its data where it was known."""

    name: str
    owner: str
    size_bytes: int
    created_at: float
    writer: str | None = None
    data_schema: int | None = None


class SnapshotThen(Noun):
    """A snapshot of a disk, which may be gone by then. `owner` is whose that disk was."""

    name: str
    disk: str
    owner: str = ""
    created_at: float


class RouteThen(Noun):
    """A service's route: `release` had the traffic, but for `shares` (percent, by release number) and `mixed`, the release whose
    machines took turns with it. `held`: requests waited. `kept_away` are machines that got nothing new for a shell's sake."""

    service: str
    release: int | None = None
    shares: dict[int, int] = {}
    mixed: int | None = None
    held: bool = False
    kept_away: tuple[str, ...] = ()
    since: float


class OperationThen(Noun):
    """What was under way. `subject` is the deployment, or its shadow while a way back was rehearsed."""

    id: str
    subject: str
    state: str = ""
    actor: str
    reason: str
    began_at: float


class ImageThen(Noun):
    """An image as it was stored, and what it counted as."""

    image: Image
    effective: Standing


class DeploymentThen(Noun):
    """A deployment: `release` is the whole manifest of what was current, configuration, sizes and services included."""

    name: str
    release: Release | None
    operation: OperationThen | None
    machines: tuple[MachineThen, ...]
    disks: tuple[DiskThen, ...]
    snapshots: tuple[SnapshotThen, ...]
    routes: tuple[RouteThen, ...]


class Moment(Noun):
    """Everything as it was at `at` (seconds since the epoch), after entry `seq` of the ledger.

    `daemon` is what the daemon said of itself and its configuration when it started, with the keys that were trusted since;
    empty while none ran. `disks` and
    `snapshots` are those of owners that are no deployment. `notes` say what makes the answer doubtful: a clock that was set back.
    """

    at: float
    seq: int
    daemon: dict[str, str]
    deployments: tuple[DeploymentThen, ...]
    images: tuple[ImageThen, ...]
    disks: tuple[DiskThen, ...] = ()
    snapshots: tuple[SnapshotThen, ...] = ()
    notes: tuple[str, ...] = ()


class Origin(Noun):
    """How a machine came to be. `asked_by` and `why` are those of the operation that made it, `made` and `events` entries of the
    ledger: the release's and the image's beginnings, and all that happened to the machine."""

    machine: str
    digest: str
    image: str
    commit: str
    deployment: str
    release: int
    operation: str
    asked_by: str
    why: str
    exists: bool
    made: tuple[LedgerEntry, ...]
    events: tuple[LedgerEntry, ...]
