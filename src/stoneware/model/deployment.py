"""What people declare in `stoneware.yaml`: images, deployments, groups, disks, services. Defaults are those of the product."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from stoneware.model.choice import any_of, one_of, require_one
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.image import Delivery, StateSchema
from stoneware.model.noun import Noun
from stoneware.model.probe import HttpProbe, Port, TcpProbe
from stoneware.model.quantity import AbsolutePath, Seconds, Size, Span, format_size
from stoneware.model.strategy import DEFAULT_STEPS, AnalysisSpec, CanaryStep, Strategy

Name = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ImageRef = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}(/[1-9][0-9]*)?$")]
Variable = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ConfigValue = Annotated[StrictStr, StringConstraints(pattern=r"^[^\x00\r\n]*$", max_length=4096)]
Text = Annotated[StrictStr, StringConstraints(min_length=1)]
Listen = Annotated[StrictStr, StringConstraints(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|localhost|\*):[0-9]{1,5}$")]

MIB = 2**20
MIN_AGE_S = 60.0
"""A machine that may not become older than this would be replaced before anyone knows whether it is well (seconds)."""


SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr")  # noqa: S108
"""Folders that an empty file system in their place would break, or that are in memory already."""


def _no_system_folder(path: str) -> str:
    if path in SYSTEM or path.startswith(("/dev/", "/proc/", "/run/", "/sys/", "/tmp/")):  # noqa: S108
        raise ValueError("a folder of the system: name one that the application writes, such as /var/lib/app")
    return path


Mount = Annotated[AbsolutePath, AfterValidator(_no_system_folder)]


DELIVERED: dict[str, Delivery] = {"qemu": "vm", "container": "container"}
"""What each engine starts. The fake one starts anything."""


def _each_once(deliver: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
    """In the order of the type, so that equal wishes are equal images."""
    if len(set(deliver)) != len(deliver):
        raise ValueError("names a delivery twice: write each of vm, container once")
    return tuple(one for one in get_args(Delivery) if one in deliver)


def _whole_mib(at_least: int) -> AfterValidator:
    """A size that is a whole number of MiB, and enough to work with (bytes)."""

    def check(size_bytes: int) -> int:
        if size_bytes < at_least:
            raise ValueError(f"too small: write at least {format_size(at_least)}")
        if size_bytes % MIB:
            raise ValueError("no whole number of MiB: write it like 512MiB or 2GiB")
        return size_bytes

    return AfterValidator(check)


Memory = Annotated[Size, _whole_mib(64 * MIB)]
DiskSize = Annotated[Size, _whole_mib(16 * MIB)]
"""Below this, an ext4 file system has hardly room for its journal."""


class UnitsTest(Noun):
    """How many systemd units may have failed when the boot has settled."""

    failed: Annotated[StrictInt, Field(ge=0)] = 0


class ConsoleTest(Noun):
    """Text that the console must show, or must not show, or both."""

    model_config = any_of("contains", "lacks")

    contains: Text | None = None
    lacks: Text | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.contains is None and self.lacks is None:
            raise ValueError("asks nothing: give contains, lacks, or both")
        return self


class LogTest(ConsoleTest):
    """The same of the log: the journal (of one `unit`, or all of it) where the image has systemd, else what its program printed."""

    unit: Text | None = None


class CommandTest(Noun):
    """A command to run inside the machine (words, no shell): it must end with `status`, and print `contains` if that is given."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    status: Annotated[StrictInt, Field(ge=0, le=255)] = 0
    contains: Text | None = None


BOOT_TESTS = ("http", "tcp", "closed", "units", "console", "log", "run")


class BootTest(Noun):
    """One question to a machine started from the sealed image. Exactly one of the kinds is given; `closed` is a port that nobody
    must answer on."""

    model_config = one_of(*BOOT_TESTS)

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    closed: TcpProbe | None = None
    units: UnitsTest | None = None
    console: ConsoleTest | None = None
    log: LogTest | None = None
    run: CommandTest | None = None
    within: Span = 120.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        require_one(self, *BOOT_TESTS)
        return self


class MachineSpec(Noun):
    """The shape of a machine."""

    cpus: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    memory: Memory = 512 * MIB


class KeepSpec(Noun):
    """How long a family's images are kept: an image is over when it is beyond every limit that is given here.

    `newest` counts the family's published images, `within` is an image's age. What anything still reaches stays all the same.
    """

    model_config = any_of("newest", "within")

    newest: Annotated[StrictInt, Field(ge=1, le=100_000)] | None = None
    within: Span | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.newest is None and self.within is None:
            raise ValueError("no limit at all: give newest, within or both, or leave keep out")
        return self


class ImageSpec(Noun):
    """How the images of a family are made and tested. Paths are relative to the folder of `stoneware.yaml`.

    `state_schema` says which data on disks the application can live with; a deploy or rollback to an image that can't read
    today's data is refused before anything starts.
    """

    containerfile: StrictStr = "Containerfile"
    context: StrictStr = "."
    writable: tuple[Mount, ...] = ()
    deliver: Annotated[tuple[Delivery, ...], Field(min_length=1), AfterValidator(_each_once)] = ("vm",)
    test: tuple[BootTest, ...] = ()
    machine: MachineSpec = MachineSpec()
    keep: KeepSpec | None = None
    state_schema: StateSchema | None = None


class DiskSpec(Noun):
    """A persistent disk, one a machine: a single writer, outlives the machine, mounted at `mount`."""

    size: DiskSize
    mount: Mount


class HealthSpec(Noun):
    """When a machine counts as healthy: the probe holds now and has held for `healthy_for` without a break."""

    model_config = one_of("http", "tcp")

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    interval: Span = 1.0
    timeout: Span = 5.0
    up: Annotated[StrictInt, Field(ge=1, le=20)] = 2
    down: Annotated[StrictInt, Field(ge=1, le=20)] = 3
    healthy_for: Seconds = 10.0
    deadline: Span = 300.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        require_one(self, "http", "tcp")
        if self.healthy_for >= self.deadline:
            raise ValueError("healthy_for is as long as the deadline, so it can't be met: give the deadline more time")
        return self


class RolloutSpec(Noun):
    """How a new fleet takes over. Times are absolute deadlines; a missed one goes back when `auto_rollback` is on.

    `snapshot` takes one of every disk before it is handed over; `rehearse` starts the new version once on a copy of that
    first, apart from everything, and it must become healthy. `on_failure` is about a way back to a version that can't read
    what the new one writes: `keep_data` refuses such a rollout, `restore_snapshot` goes back with that snapshot, and what was
    written since is lost.

    `surge` and `unavailable` are those of strategy rolling: machines beyond the group's size, and machines fewer than it.
    `steps` and `baseline` are those of canary; a baseline is one fresh machine of the old version to compare with.
    """

    strategy: Strategy = "blue_green"
    surge: Annotated[StrictInt, Field(ge=0, le=1000)] | None = None
    unavailable: Annotated[StrictInt, Field(ge=0, le=1000)] = 0
    steps: Annotated[tuple[CanaryStep, ...], Field(min_length=1)] | None = None
    baseline: StrictBool = False
    analysis: AnalysisSpec | None = None
    bake_time: Seconds = 600.0
    drain: Seconds = 30.0
    progress_deadline: Span = 600.0
    hold_limit: Span = 60.0
    keep_stopped: Seconds = 86400.0
    auto_rollback: StrictBool = True
    approval: StrictBool = False
    boot_tries: Annotated[StrictInt, Field(ge=1, le=10)] = 3
    snapshot: StrictBool = True
    rehearse: StrictBool = False
    on_failure: Literal["keep_data", "restore_snapshot"] = "keep_data"

    @model_validator(mode="after")
    def _has_the_snapshot_it_needs(self) -> Self:
        if self.rehearse and not self.snapshot:
            raise ValueError("a rehearsal runs on a snapshot, and none is taken: leave snapshot on")
        if self.on_failure == "restore_snapshot" and not self.snapshot:
            raise ValueError("on_failure is restore_snapshot, and no snapshot is taken: leave snapshot on")
        return self

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.strategy != "canary" and (self.steps or self.baseline):
            raise ValueError("steps and baseline belong to strategy canary: leave them out, or write strategy: canary")
        if self.strategy != "rolling" and self.surge is not None:
            raise ValueError("surge belongs to strategy rolling: the others bring up the whole fleet at once")
        if self.strategy == "rolling" and self.surge == 0 and self.unavailable == 0:
            raise ValueError("no machine may be added and none may be missing: give surge or unavailable at least 1")
        shares = [step.share for step in self.canary_steps]
        if shares != sorted(set(shares)):
            raise ValueError("the shares of steps must rise from step to step")
        return self

    @property
    def canary_steps(self) -> tuple[CanaryStep, ...]:
        """The declared steps, or the usual ones."""
        return self.steps or DEFAULT_STEPS


class GroupSpec(Noun):
    """Machines of one role. `image` names a family (resolved once, at plan time) or pins an image such as `web/7`.

    `secrets` maps variables to secrets, each resolved once to its newest version. A machine finds the value in the file
    `/run/secrets/VARIABLE`.

    When one of its machines is older than `max_age`, all of them are made again, by a rollout to the same images.
    """

    image: ImageRef
    size: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    max_age: Annotated[Span, Field(ge=MIN_AGE_S)] | None = None
    machine: MachineSpec = MachineSpec()
    config: dict[Variable, ConfigValue] = {}
    secrets: dict[Variable, Name] = {}
    disks: dict[Name, DiskSpec] = {}
    health: HealthSpec
    rollout: RolloutSpec = RolloutSpec()

    @model_validator(mode="after")
    def _one_writer(self) -> Self:
        if self.disks and self.rollout.strategy in ("canary", "rolling"):
            raise ValueError(
                f"strategy {self.rollout.strategy} needs both versions at once, and a disk has one writer: "
                "write strategy blue_green (requests wait while disks move) or recreate"
            )
        return self

    @model_validator(mode="after")
    def _somebody_serves(self) -> Self:
        rollout = self.rollout
        if rollout.strategy == "rolling" and rollout.unavailable >= self.size:
            raise ValueError(
                f"with {rollout.unavailable} of {self.size} machines unavailable nobody would serve: "
                f"give unavailable less than size, and surge at least 1 for a single machine"
            )
        return self


class ServiceSpec(Noun):
    """A traffic entry: requests to `listen` go to `port` of the machines of `group`.

    `sticky`: a client stays on the version that it met first, by a cookie: for the steps of a canary, and after a switch at most
    for `max_session`, or until it has been away for `session_idle`.
    """

    group: Name
    port: Port
    listen: Listen
    sticky: StrictBool = False
    max_session: Seconds = 3600.0
    session_idle: Span = 600.0


class DeploymentSpec(Noun):
    """The declared whole."""

    engine: Literal["qemu", "container", "fake"] = "qemu"
    keep_releases: Annotated[StrictInt, Field(ge=1, le=1000)] = 10
    groups: Annotated[dict[Name, GroupSpec], Field(min_length=1)]
    services: dict[Name, ServiceSpec] = {}
    drift: DriftSpec = DriftSpec()


def group_ports(spec: DeploymentSpec, group: str) -> tuple[int, ...]:
    """The guest ports of a group that anyone outside the machine needs: its health probe's and its services'."""
    health = spec.groups[group].health
    probe = health.http or health.tcp
    ports = {s.port for s in spec.services.values() if s.group == group} | ({probe.port} if probe else set())
    return tuple(sorted(ports))
