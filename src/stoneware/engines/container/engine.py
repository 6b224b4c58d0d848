"""The engine: machines as podman containers. What is meant stands in folders, what is podman says; any daemon finds both.

A machine with disks is made at once and started when all of them are there, so it waits without a process. Each effect
follows its record: whatever dies between the two, the same call made again finds what is missing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from stoneware.clock import Clock
from stoneware.engines.container import console, made, shell
from stoneware.engines.container.attest import Witness
from stoneware.engines.container.checks import check_host
from stoneware.engines.container.copies import DiskCopies
from stoneware.engines.container.disks import DiskFolder, loops_work
from stoneware.engines.container.folder import Folder, MachineRecord
from stoneware.engines.container.images import REPOSITORY, ImageStore
from stoneware.engines.container.podman import Container, Podman
from stoneware.engines.container.proof import Proofs
from stoneware.engines.container.runs import Runs
from stoneware.engines.container.strays import names_in_store, strays
from stoneware.engines.container.units import Masks
from stoneware.engines.engine import Reveal, no_secrets, reveal_all
from stoneware.engines.shell import Way
from stoneware.engines.snapshots import SnapshotFolder
from stoneware.errors import NotFound, Refused, Unreachable
from stoneware.host.capacity import host_share
from stoneware.host.copying import Progress, unwatched
from stoneware.host.files import is_locked, locked
from stoneware.host.home import Home
from stoneware.model.evidence import Evidence
from stoneware.model.finding import Capabilities, Capacity, Finding
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, Machine, Phase, Power, Ran, WantedDisk, WantedMachine
from stoneware.model.shell import Window
from stoneware.model.snapshot import Snapshot, WantedSnapshot

DELETE_GRACE_S = 2
BOOTS_A_CORE = 4
"""A container's boot is over within a second, and mostly waits."""


class ContainerEngine:
    """`masks` names what systemd in a machine is to leave out; `reveal` is the way to the values of secrets."""

    def __init__(self, home: Home, clock: Clock, masks: Masks, reveal: Reveal = no_secrets) -> None:
        self.home = home
        self.clock = clock
        self.podman = Podman(home)
        self.images = ImageStore(self.podman)
        self.disks = DiskFolder(home.containers / "disks", home.containers / "mounts")
        self.copies = DiskCopies(self.disks, SnapshotFolder(home.containers / "snapshots"))
        self.witness = Witness(home.images, Proofs(), self.disks)
        self.runs = Runs(self.podman, self.images, clock, masks, self.disks.mounts, reveal)

    def capabilities(self) -> Capabilities:
        return Capabilities(engine="container", disks=True, power=True, snapshots=loops_work())

    def capacity(self) -> Capacity:
        share = host_share()
        return Capacity(cpus=share.cpus, memory_bytes=share.memory_bytes, boots=share.cpus * BOOTS_A_CORE)

    def check(self) -> Sequence[Finding]:
        return check_host()

    # Images

    def publish_image(self, artifact: Artifact) -> None:
        self.images.publish(artifact)

    def delete_image(self, digest: str) -> None:
        users = [record.wanted.name for _, record in self._machines() if record.wanted.digest == digest]
        if users:
            raise Refused(
                f"image {digest[:19]} is used by {', '.join(users)}",
                "replace those machines first",
                code="image-in-use",
            )
        self.images.delete(digest)

    def list_images(self) -> Collection[str]:
        return self.images.digests()

    # Machines

    def create_machine(self, wanted: WantedMachine) -> None:
        self._root().mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self._folder(wanted.name)
        with locked(folder.lock):
            record = folder.record()
            if record is None:
                self.images.get(wanted.digest)
                reveal_all(self.runs.reveal, wanted.secrets)  # without them there is nothing to make
                with locked(self._root() / ".addresses.lock"):
                    record = MachineRecord(wanted=wanted, ip=self._address(wanted), created_at=self.clock.now())
                    folder.save(record)
            elif record.wanted != wanted:
                raise Refused(f"machine {wanted.name} exists with another content", "delete it first")
            elif not record.on:
                raise Refused(f"machine {wanted.name} is stopped", "start it, or delete it first")
            container = self.runs.ensure_container(folder, record)
            if not wanted.disks:
                self.runs.begin(folder, record, container)

    def delete_machine(self, name: str) -> None:
        folder = self._folder(name)
        if not folder.path.exists():
            if name in names_in_store(self.podman):
                self.podman.remove(name, DELETE_GRACE_S)
            return
        with locked(folder.lock):
            self.podman.remove(name, DELETE_GRACE_S)
            self.disks.clear_writer(name)
            folder.remove()
        folder.lock.unlink(missing_ok=True)

    def list_machines(self, owner: str | None = None) -> Sequence[Machine]:
        there = names_in_store(self.podman)  # first: a machine's record is written before its container is made
        every = self._machines()
        mine = [(folder, record) for folder, record in every if owner in (None, record.wanted.owner)]
        others = strays(self.podman, there - {folder.name for folder, _ in every}, owner)
        if not mine:
            return others
        containers = self.podman.containers([folder.name for folder, _ in mine])
        digests, disks = self.images.by_image_id(), self.list_disks()
        return [*(self._view(record, containers.get(folder.name), digests, disks) for folder, record in mine), *others]

    def read_console(self, name: str, lines: int = 50) -> str:
        folder = self._folder(name)
        self._record(folder)
        return console.tail(folder.console, lines)

    def stop_machine(self, name: str) -> None:
        """Asks the machine to power off; called again later than its grace, it ends it by force."""
        folder = self._folder(name)
        if not folder.path.exists() and name in names_in_store(self.podman):
            self.podman.run(
                "stop", "--ignore", "--time", str(DELETE_GRACE_S), name
            )  # a stray has no record to be asked by
            return
        with self._locked(folder):
            record = self._record(folder)
            if record.on:
                record = record.model_copy(update={"on": False, "off_since": self.clock.now()})
                folder.save(record)
            if not self.runs.end_application(folder, record):
                self.disks.clear_writer(name)

    def start_machine(self, name: str) -> None:
        folder = self._folder(name)
        with self._locked(folder):
            record = self._record(folder)
            container = self.runs.ensure_container(folder, record)
            if record.on and self.runs.verdict(record, container).power is Power.RUNNING:
                if not record.wanted.disks:
                    self.runs.begin(folder, record, container)
                return
            reveal_all(self.runs.reveal, record.wanted.secrets)  # before anything is changed
            if container.running or container.state == "initialized":
                self.podman.run("stop", "--time", "0", name)
            self.disks.clear_writer(name)
            fresh = MachineRecord(wanted=record.wanted, ip=record.ip, created_at=record.created_at)
            folder.save(fresh)
            if not fresh.wanted.disks:
                self.runs.begin(folder, fresh, container)

    def run_inside(self, name: str, argv: Sequence[str], limit_s: float) -> Ran:
        if not self._record(self._folder(name)).wanted.agent:
            raise Refused(f"machine {name} has no way to run commands in it", "only machines under test have one")
        return self.podman.execute(name, argv, limit_s)

    def attest(self, name: str) -> Evidence:
        began = time.monotonic()
        folder = self._folder(name)
        record = self._record(folder)
        container = self.runs.find(name)
        if container is None or not container.running:
            raise Refused(
                f"machine {name} has no process to look at", "it is stopped, has ended, or waits for its disks"
            )
        digest = _digest(record.wanted, container, self.images.by_image_id())
        evidence = self.witness.evidence(container, record, made.load(folder.path), digest, self.clock.now())
        return evidence.model_copy(update={"seconds": time.monotonic() - began})

    def open_shell(self, name: str, window: Window) -> Way:
        self._record(self._folder(name))
        container = self.runs.find(name)
        if container is None or not container.running:
            raise Refused(f"machine {name} isn't running", "there is nobody to let in")
        return shell.open_shell(self.podman, container, window)

    def close_shell(self, name: str) -> None:
        container = self.runs.find(name) if self._folder(name).record() else None
        if container is not None and container.running:
            shell.end_shell(container)

    # Disks

    def create_disk(self, wanted: WantedDisk) -> None:
        self.disks.create(wanted, self.clock.now())

    def delete_disk(self, name: str) -> None:
        if self.disks.find(name) is not None:
            with self.disks.holding(name):
                self._settle(name)
        self.disks.delete(name)

    def list_disks(self, owner: str | None = None) -> Sequence[Disk]:
        mine = [disk for disk in self.disks.all() if owner in (None, disk.owner)]
        return [self._seen(self.disks.looked_at(disk.name) or disk) for disk in mine]

    def attach_disk(self, disk: str, machine: str) -> None:
        """Fences and mounts the disk; with the last one, the machine starts, or goes on."""
        folder = self._folder(machine)
        with self._locked(folder):
            record = self._record(folder)
            places = [mount.disk for mount in record.wanted.disks]
            if disk not in places:
                raise Refused(f"machine {machine} has no place for disk {disk}")
            container = self.runs.ensure_container(folder, record)
            verdict = self.runs.verdict(record, container)
            if verdict.power is not Power.RUNNING:
                raise Refused(f"machine {machine} isn't running", "start it first")
            if verdict.phase is Phase.QUIESCING:
                raise Unreachable(f"the application of machine {machine} is still stopping")
            with self.disks.holding(disk):
                self._settle(disk)
                writer = self.disks.get(disk).writer
                if writer not in (None, machine):
                    raise Refused(f"disk {disk} is in use by {writer}", "a disk has one writer", code="disk-in-use")
                self.disks.take(disk, machine)
            if all((known := self.disks.find(place)) and known.writer == machine for place in places):
                self.runs.begin(folder, record, container)

    def quiesce_machine(self, name: str) -> None:
        """Asks the application to stop, which is the whole container; called again after its grace, by force."""
        folder = self._folder(name)
        with self._locked(folder):
            record = self._record(folder)
            if record.on and record.wanted.disks:
                self.runs.end_application(folder, record)

    def detach_disk(self, disk: str, machine: str) -> None:
        folder = self._folder(machine)
        self.disks.get(disk)
        with self._locked(folder):
            if self.disks.get(disk).writer != machine:
                return
            record = folder.record()
            container = self.runs.find(machine)
            if record is not None:
                verdict = self.runs.verdict(record, container)
                if verdict.power is Power.RUNNING and verdict.phase is not Phase.WAITING:
                    why = f"machine {machine} may still work on disk {disk}: it is {verdict.phase}"
                    raise Refused(why, "quiesce it first", code="disk-in-use")
                if verdict.power is Power.RUNNING:
                    folder.save(record.model_copy(update={"begun": None, "ending_since": None, "signalled": False}))
            self.runs.undo_init(container)
            with self.disks.holding(disk):
                self.disks.let_go(disk)

    # Snapshots

    def snapshot_disk(self, disk: str, wanted: WantedSnapshot, progress: Progress = unwatched) -> None:
        self.copies.snapshot(disk, wanted, self.clock.now(), progress)

    def list_snapshots(self, owner: str | None = None) -> Sequence[Snapshot]:
        return self.copies.snapshots.all(owner)

    def restore_disk(self, disk: str, snapshot: str, progress: Progress = unwatched) -> None:
        with self.disks.holding(disk):
            self._settle(disk)
            self.copies.restore(disk, snapshot, progress)

    def clone_disk(self, source: str, wanted: WantedDisk, progress: Progress = unwatched) -> None:
        self.copies.clone(source, wanted, self.clock.now(), progress)

    def delete_snapshot(self, name: str) -> None:
        self.copies.snapshots.delete(name)

    # Inside

    def _seen(self, disk: Disk) -> Disk:
        """A disk as it is: a machine that was stopped, and whose container has ended since, writes no more."""
        if disk.writer is None:
            return disk
        record = self._folder(disk.writer).record()
        if record is not None and record.on:
            return disk
        container = self.runs.find(disk.writer)
        ended = container is None or not (container.running or container.state == "initialized")
        return disk.model_copy(update={"writer": None}) if ended else disk

    def _settle(self, name: str) -> None:
        """Frees a disk whose machine was stopped and has ended. For who is `holding` it."""
        known = self.disks.find(name)
        if known is not None and known.writer is not None and self._seen(known).writer is None:
            self.disks.let_go(name)

    def _view(
        self,
        record: MachineRecord,
        container: Container | None,
        digests: Mapping[str, tuple[str, ...]],
        disks: Sequence[Disk],
    ) -> Machine:
        wanted = record.wanted
        verdict, failed = self.runs.judged(record, container, in_hand=is_locked(self._folder(wanted.name).lock))
        return Machine(
            **wanted.model_dump(include={"name", "owner", "group", "fleet", "index", "cpus", "memory_bytes"}),
            digest=_digest(wanted, container, digests),
            power=verdict.power,
            phase=verdict.phase,
            detail=verdict.detail,
            failed_units=failed,
            created_at=record.created_at,
            started_at=self._folder(wanted.name).meant_at() if verdict.power is Power.RUNNING else None,
            stopped_at=record.off_since,
            addresses={port: f"{record.ip}:{port}" for port in wanted.ports},
            attached=tuple(disk.name for disk in disks if disk.writer == wanted.name),
        )

    def _address(self, wanted: WantedMachine) -> str:
        taken = {record.ip for _, record in self._machines()}
        return self.podman.networks().of(wanted.isolated).address(taken, wanted.name)

    def _machines(self) -> list[tuple[Folder, MachineRecord]]:
        found = [Folder(path) for path in sorted(self._root().glob("*")) if path.is_dir()]
        return [(folder, record) for folder in found if (record := folder.record())]

    def _root(self) -> Path:
        return self.home.containers / "machines"

    @contextlib.contextmanager
    def _locked(self, folder: Folder) -> Iterator[None]:
        """Only one of us acts on a machine at a time. Raises NotFound where there are no machines at all."""
        if not self._root().exists():
            raise NotFound(
                f"no machine {folder.name}", "`stoneware machine list` shows what there is", code="machine-not-found"
            )
        with locked(folder.lock):
            yield

    def _folder(self, name: str) -> Folder:
        return Folder(self._root() / name)

    def _record(self, folder: Folder) -> MachineRecord:
        record = folder.record()
        if record is None:
            raise NotFound(
                f"no machine {folder.name}", "`stoneware machine list` shows what there is", code="machine-not-found"
            )
        return record


def _digest(wanted: WantedMachine, container: Container | None, digests: Mapping[str, tuple[str, ...]]) -> str:
    """The image that podman made the container from, whatever the record says. One that nobody published here is called
    by podman's id, which no published image has."""
    if container is None:
        return wanted.digest
    called = f"sha256:{container.image_name.removeprefix(f'{REPOSITORY}:')}"
    known = digests.get(container.image, ())
    return called if called in known else (known or (f"sha256:{container.image}",))[0]
