"""Machines and disks: what we want an engine to have, and what it says it has."""

from __future__ import annotations

from enum import StrEnum

from stoneware.model.noun import Noun


class Power(StrEnum):
    """What the engine knows of the machine's process. GONE: its process ended without our asking."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    GONE = "GONE"


class Phase(StrEnum):
    """How far the machine says it is.

    BOOTING -> WAITING (up, no disk is mounted, application stopped) -> STARTING (disks mounted) -> SERVING (application
    started). QUIESCING leads back to WAITING. FAILED: it can't go on by itself; `detail` says why. UNKNOWN when it isn't running,
    or runs and doesn't answer any more.
    """

    UNKNOWN = "UNKNOWN"
    BOOTING = "BOOTING"
    WAITING = "WAITING"
    STARTING = "STARTING"
    SERVING = "SERVING"
    QUIESCING = "QUIESCING"
    FAILED = "FAILED"


class DiskMount(Noun):
    """A disk that the machine waits for, and where it mounts it."""

    disk: str
    mount: str


class WantedMachine(Noun):
    """Everything a machine is made from. `ports` are guest ports to be reachable; `isolated` cuts it off from the outside.

    `secrets` maps variables to versions of secrets (`db-password/3`): engines keep what is wanted, so values are never in it.
    `agent` gives it a way to run commands in it: for machines that an image is tested in, never for one in service.
    """

    name: str
    owner: str
    group: str
    fleet: int
    index: int
    digest: str
    cpus: int
    memory_bytes: int
    ports: tuple[int, ...] = ()
    config: dict[str, str] = {}
    secrets: dict[str, str] = {}
    disks: tuple[DiskMount, ...] = ()
    isolated: bool = False
    agent: bool = False


class Ran(Noun):
    """A command that ran inside a machine: its exit status, and what it printed (its beginning)."""

    status: int
    output: str


class Machine(Noun):
    """A machine as its engine sees it now. `digest` is the image that it really runs.

    `addresses` maps guest ports to `HOST:PORT`. `attached` names the disks plugged in. `started_at` is when its present run
    began; None while it doesn't run.
    """

    name: str
    owner: str
    group: str
    fleet: int
    index: int
    digest: str
    power: Power
    phase: Phase = Phase.UNKNOWN
    detail: str = ""
    failed_units: tuple[str, ...] = ()
    created_at: float
    started_at: float | None = None
    stopped_at: float | None = None
    addresses: dict[int, str] = {}
    attached: tuple[str, ...] = ()
    cpus: int = 1
    memory_bytes: int = 0


class WantedDisk(Noun):
    """A persistent disk to exist, with an empty file system when it is new."""

    name: str
    owner: str
    size_bytes: int


class Disk(Noun):
    """A disk as its engine sees it. `writer` names the one machine that has it plugged in.

    `identity` is that of its file system when it was made (hex; empty where nobody noted it), `damage` what is wrong with its
    file now: another one lies in its place, or none.
    """

    name: str
    owner: str
    size_bytes: int
    created_at: float
    writer: str | None = None
    identity: str = ""
    damage: str = ""
