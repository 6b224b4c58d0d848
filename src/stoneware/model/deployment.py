"""What people declare in `stoneware.yaml`: images, deployments, groups, disks, services. Defaults are those of the product."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from stoneware.model.image import Delivery
from stoneware.model.noun import Noun
from stoneware.model.probe import HttpProbe, Port, TcpProbe
from stoneware.model.quantity import AbsolutePath, Seconds, Size, Span, format_size

Name = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ImageRef = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}(/[1-9][0-9]*)?$")]
Variable = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ConfigValue = Annotated[StrictStr, StringConstraints(pattern=r"^[^\x00\r\n]*$", max_length=4096)]
Text = Annotated[StrictStr, StringConstraints(min_length=1)]
Listen = Annotated[StrictStr, StringConstraints(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|localhost|\*):[0-9]{1,5}$")]

MIB = 2**20


SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr")  # noqa: S108
"""Folders that an empty file system in their place would break, or that are in memory already."""


def _no_system_folder(path: str) -> str:
    if path in SYSTEM or path.startswith(("/dev/", "/proc/", "/run/", "/sys/", "/tmp/")):  # noqa: S108
        raise ValueError("a folder of the system: name one that the application writes, such as /var/lib/app")
    return path


Mount = Annotated[AbsolutePath, AfterValidator(_no_system_folder)]


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


def _one_of(*keys: str) -> ConfigDict:
    """The JSON Schema of "exactly one of these is given"."""
    return ConfigDict(json_schema_extra={"oneOf": [_given(key) for key in keys]})


def _given(key: str) -> dict[str, Any]:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _require_one(noun: Noun, *keys: str) -> None:
    given = [key for key in keys if getattr(noun, key) is not None]
    if len(given) != 1:
        has = f"has {' and '.join(given)}" if given else "asks nothing"
        raise ValueError(f"{has}: give exactly one of {', '.join(keys)}")


class UnitsTest(Noun):
    """How many systemd units may have failed when the boot has settled."""

    failed: Annotated[StrictInt, Field(ge=0)] = 0


class ConsoleTest(Noun):
    """Text that the console must show, or must not show, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_given("contains"), _given("lacks")]})

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

    model_config = _one_of(*BOOT_TESTS)

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
        _require_one(self, *BOOT_TESTS)
        return self


class MachineSpec(Noun):
    """The shape of a machine."""

    cpus: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    memory: Memory = 512 * MIB


class KeepSpec(Noun):
    """How long a family's images are kept: an image is over when it is beyond every limit that is given here.

    `newest` counts the family's published images, `within` is an image's age. What anything still reaches stays all the same.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [_given("newest"), _given("within")]})

    newest: Annotated[StrictInt, Field(ge=1, le=100_000)] | None = None
    within: Span | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.newest is None and self.within is None:
            raise ValueError("no limit at all: give newest, within or both, or leave keep out")
        return self


class ImageSpec(Noun):
    """How the images of a family are made and tested. Paths are relative to the folder of `stoneware.yaml`."""

    containerfile: StrictStr = "Containerfile"
    context: StrictStr = "."
    writable: tuple[Mount, ...] = ()
    deliver: Annotated[tuple[Delivery, ...], Field(min_length=1), AfterValidator(_each_once)] = ("vm",)
    test: tuple[BootTest, ...] = ()
    machine: MachineSpec = MachineSpec()
    keep: KeepSpec | None = None


class DiskSpec(Noun):
    """A persistent disk, one a machine: a single writer, outlives the machine, mounted at `mount`."""

    size: DiskSize
    mount: Mount


class HealthSpec(Noun):
    """When a machine counts as healthy: the probe holds now and has held for `healthy_for` without a break."""

    model_config = _one_of("http", "tcp")

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
        _require_one(self, "http", "tcp")
        if self.healthy_for >= self.deadline:
            raise ValueError("healthy_for is as long as the deadline, so it can't be met: give the deadline more time")
        return self


class RolloutSpec(Noun):
    """How a new fleet takes over. Times are absolute deadlines; a missed one goes back when `auto_rollback` is on."""

    strategy: Literal["blue_green"] = "blue_green"
    bake_time: Seconds = 600.0
    drain: Seconds = 30.0
    progress_deadline: Span = 600.0
    hold_limit: Seconds = 60.0
    keep_stopped: Seconds = 86400.0
    auto_rollback: StrictBool = True
    approval: StrictBool = False
    boot_tries: Annotated[StrictInt, Field(ge=1, le=10)] = 3


class GroupSpec(Noun):
    """Machines of one role. `image` names a family (resolved once, at plan time) or pins an image such as `web/7`."""

    image: ImageRef
    size: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    machine: MachineSpec = MachineSpec()
    config: dict[Variable, ConfigValue] = {}
    disks: dict[Name, DiskSpec] = {}
    health: HealthSpec
    rollout: RolloutSpec = RolloutSpec()


class ServiceSpec(Noun):
    """A traffic entry: requests to `listen` go to `port` of the machines of `group`."""

    group: Name
    port: Port
    listen: Listen


class DeploymentSpec(Noun):
    """The declared whole."""

    engine: Literal["qemu", "container", "fake"] = "qemu"
    keep_releases: Annotated[StrictInt, Field(ge=1, le=1000)] = 10
    groups: Annotated[dict[Name, GroupSpec], Field(min_length=1)]
    services: dict[Name, ServiceSpec] = {}


class Document(Noun):
    """The whole of `stoneware.yaml`."""

    images: dict[Name, ImageSpec] = {}
    deployments: dict[Name, DeploymentSpec] = {}


def group_ports(spec: DeploymentSpec, group: str) -> tuple[int, ...]:
    """The guest ports of a group that anyone outside the machine needs: its health probe's and its services'."""
    health = spec.groups[group].health
    probe = health.http or health.tcp
    ports = {s.port for s in spec.services.values() if s.group == group} | ({probe.port} if probe else set())
    return tuple(sorted(ports))
