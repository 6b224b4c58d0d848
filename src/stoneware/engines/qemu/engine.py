"""The engine: machines as QEMU processes of their own session. All it knows stands in folders, so any daemon finds it again."""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from stoneware.clock import Clock
from stoneware.engines.engine import Reveal, no_secrets, reveal_all
from stoneware.engines.environment import config_env, manager_environment
from stoneware.engines.qemu.accelerator import Accelerator, find_accelerator
from stoneware.engines.qemu.attest import Witness
from stoneware.engines.qemu.checks import check_host
from stoneware.engines.qemu.copies import DiskCopies
from stoneware.engines.qemu.disks import DiskFolder
from stoneware.engines.qemu.folder import Folder, MachineRecord
from stoneware.engines.qemu.images import ImageFolder
from stoneware.engines.qemu.inside import run_inside
from stoneware.engines.qemu.keeper import KeeperReply, Keepers
from stoneware.engines.qemu.monitor import Monitor
from stoneware.engines.qemu.ports import choose_ports
from stoneware.engines.qemu.secrets import with_secrets
from stoneware.engines.qemu.shell import plug_in, unplug
from stoneware.engines.qemu.words import disk_node, entrypoint_lines, machine_facts, machine_words
from stoneware.engines.shell import Way
from stoneware.engines.snapshots import SnapshotFolder
from stoneware.errors import NotFound, Refused, Unreachable
from stoneware.host.capacity import host_share
from stoneware.host.copying import Progress, unwatched
from stoneware.host.files import locked
from stoneware.host.home import Home
from stoneware.model.evidence import Evidence
from stoneware.model.finding import Capabilities, Capacity, Finding
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, Machine, Phase, Power, Ran, WantedDisk, WantedMachine
from stoneware.model.shell import Window
from stoneware.model.snapshot import Snapshot, WantedSnapshot
from stoneware.names import disk_serial

STOP_GRACE_S = 20.0
START_LIMIT_S = 20.0
MOST_AT_ONCE = 16
BOOTS_A_CORE = 4
TESTER = files("stoneware.engines.qemu").joinpath("tester").read_text()


class QemuEngine:
    """`accelerator` is proven on first use when it isn't given. `reveal` is the way to the values of secrets."""

    def __init__(
        self, home: Home, clock: Clock, accelerator: Accelerator | None = None, reveal: Reveal = no_secrets
    ) -> None:
        self.home = home
        self.clock = clock
        self.disks = DiskFolder(home.disks)
        self.copies = DiskCopies(self.disks, SnapshotFolder(home.disks / "snapshots"), self._plugged_into)
        self.images = ImageFolder(home.images)
        self._keepers = Keepers()
        self.witness = Witness(home.images, self._keepers)
        self._accelerator = accelerator
        self._reveal = reveal

    @property
    def accelerator(self) -> Accelerator:
        """What was proven to work here."""
        if self._accelerator is None:
            self._accelerator = find_accelerator(self.home.root / "accelerator.json")
        return self._accelerator

    def close(self) -> None:
        """Lets go of the machines, so that another daemon can talk to them."""
        self._keepers.close()

    def capabilities(self) -> Capabilities:
        return Capabilities(engine="qemu", disks=True, power=True, snapshots=True, accelerator=self.accelerator.name)

    def capacity(self) -> Capacity:
        """A boot keeps a core busy under software emulation; with KVM it mostly waits for the disk."""
        share = host_share()
        boots = share.cpus * BOOTS_A_CORE if self.accelerator.name == "kvm" else share.cpus
        return Capacity(cpus=share.cpus, memory_bytes=share.memory_bytes, boots=boots)

    def check(self) -> Sequence[Finding]:
        return check_host(self.home, lambda: self.accelerator)

    # Images

    def publish_image(self, artifact: Artifact) -> None:
        self.images.require_whole(self.images.load(artifact.manifest.digest))

    def delete_image(self, digest: str) -> None:
        users = [r.wanted.name for f in self._folders() if (r := f.record()) and r.wanted.digest == digest]
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
        folder = self._folder(wanted.name)
        with locked(folder.lock):
            known = folder.record()
            if known is not None and known.wanted != wanted:
                raise Refused(f"machine {wanted.name} exists with another content", "delete it first")
            if known is None:
                reveal_all(self._reveal, wanted.secrets)  # without them there is nothing to make
                with locked(self.home.machines / ".ports.lock"):
                    folder.save(MachineRecord(wanted=wanted, ports=self._ports(wanted), created_at=self.clock.now()))
            elif not known.on:
                raise Refused(f"machine {wanted.name} is stopped", "start it, or delete it first")
            self._start(folder)

    def delete_machine(self, name: str) -> None:
        folder = self._folder(name)
        with locked(folder.lock):
            folder.end_process(grace_s=2.0)
            self._keepers.forget(name)
            self.disks.clear_writer(name)
            (folder.path / "machine.json").unlink(missing_ok=True)
            shutil.rmtree(folder.path, ignore_errors=True)
        folder.lock.unlink(missing_ok=True)

    def list_machines(self, owner: str | None = None) -> Sequence[Machine]:
        found = [(folder, record) for folder in self._folders() if (record := folder.record())]
        mine = [(folder, record) for folder, record in found if owner in (None, record.wanted.owner)]
        disks = self.list_disks() if mine else []
        with ThreadPoolExecutor(max_workers=max(1, min(MOST_AT_ONCE, len(mine)))) as pool:
            return list(pool.map(lambda pair: self._view(pair[0], pair[1], disks), mine))

    def read_console(self, name: str, lines: int = 50) -> str:
        folder = self._folder(name)
        if folder.record() is None:
            raise NotFound(
                f"no machine {name}", "`stoneware machine list` shows what there is", code="machine-not-found"
            )
        return _tail(folder.console, lines)

    def stop_machine(self, name: str) -> None:
        """Asks the machine to power off; called again later than its grace, it ends it by force."""
        folder = self._folder(name)
        with locked(folder.lock):
            record = self._record(folder)
            now = self.clock.now()
            since = record.stopping_since or now
            folder.save(record.model_copy(update={"on": False, "stopping_since": since}))
            reply = self._keepers.ask(folder.path, "poweroff") if folder.process() else None
            idle = reply is not None and reply.phase in (Phase.WAITING, Phase.BOOTING)
            if idle or now - since > STOP_GRACE_S:
                folder.end_process(grace_s=1.0)
            if folder.process() is None:
                self._keepers.forget(name)
                self.disks.clear_writer(name)

    def start_machine(self, name: str) -> None:
        folder = self._folder(name)
        with locked(folder.lock):
            record = self._record(folder)
            if folder.process() is not None and record.on:
                return
            reveal_all(self._reveal, record.wanted.secrets)  # before anything is changed
            folder.end_process(grace_s=1.0)
            self.disks.clear_writer(name)
            folder.save(record.model_copy(update={"on": True, "stopping_since": None}))
            self._start(folder)

    def run_inside(self, name: str, argv: Sequence[str], limit_s: float) -> Ran:
        folder = self._folder(name)
        if not self._record(folder).wanted.agent:
            raise Refused(f"machine {name} has no way to run commands in it", "only machines under test have one")
        return run_inside(folder.path, argv, limit_s)

    def attest(self, name: str) -> Evidence:
        began = time.monotonic()
        folder = self._folder(name)
        record, process = self._record(folder), folder.process()
        if process is None:
            raise Refused(f"machine {name} has no process to look at", "it is stopped, or has ended")
        disks = {disk.name: self.disks.image(disk.name) for disk in self.disks.all() if disk.writer == name}
        try:
            evidence = self.witness.evidence(folder, record, process, disks, self.clock.now())
        except OSError as gone:
            raise Unreachable(f"machine {name} can't be looked at: {gone}", "it may just have ended") from gone
        return evidence.model_copy(update={"seconds": time.monotonic() - began})

    def open_shell(self, name: str, window: Window) -> Way:
        folder = self._folder(name)
        self._record(folder)
        if folder.process() is None:
            raise Refused(f"machine {name} isn't running", "there is nobody to let in")
        with locked(folder.lock):
            way = plug_in(folder.path)
        try:
            way.greet(window, lambda: self._keepers.ask(folder.path, "status"))
        except BaseException:
            way.close()
            raise
        return way

    def close_shell(self, name: str) -> None:
        folder = self._folder(name)
        if folder.path.exists() and folder.process() is not None:
            unplug(folder.path)

    # Disks

    def create_disk(self, wanted: WantedDisk) -> None:
        self.disks.create(wanted, self.clock.now())

    def delete_disk(self, name: str) -> None:
        self.disks.delete(name)

    def list_disks(self, owner: str | None = None) -> Sequence[Disk]:
        mine = [self._seen(disk) for disk in self.disks.all() if owner in (None, disk.owner)]
        return [self.disks.looked_at(disk) for disk in mine]

    def attach_disk(self, disk: str, machine: str) -> None:
        folder = self._folder(machine)
        record = self._record(folder)
        places = [mount.disk for mount in record.wanted.disks]
        if disk not in places:
            raise Refused(f"machine {machine} has no place for disk {disk}")
        if folder.process() is None:
            raise Refused(f"machine {machine} isn't running", "start it first")
        with self.disks.holding(disk):
            known = self._seen(self.disks.get(disk))
            if known.writer not in (None, machine):
                raise Refused(f"disk {disk} is in use by {known.writer}", "a disk has one writer", code="disk-in-use")
            self.disks.save(known.model_copy(update={"writer": machine}))  # fenced before it is plugged in
            bus = f"slot{places.index(disk) + 1}"
            Monitor(folder.path).plug_disk(disk_node(disk), self.disks.image(disk), bus, disk_serial(disk))
            self._keepers.ask(folder.path, "proceed")  # it may have let go of this disk without losing it

    def quiesce_machine(self, name: str) -> None:
        folder = self._folder(name)
        self._record(folder)
        if folder.process() is not None and self._keepers.ask(folder.path, "quiesce") is None:
            raise Unreachable(f"machine {name} doesn't answer")

    def detach_disk(self, disk: str, machine: str) -> None:
        folder = self._folder(machine)
        with self.disks.holding(disk):
            known = self.disks.get(disk)
            if known.writer != machine:
                return
            if folder.process() is not None:
                reply = self._keepers.ask(folder.path, "status")
                if reply is None or reply.phase is not Phase.WAITING:
                    phase = reply.phase if reply else "not answering"
                    raise Refused(
                        f"machine {machine} may still work on disk {disk}: it is {phase}",
                        "quiesce it first",
                        code="disk-in-use",
                    )
                if not Monitor(folder.path).unplug_disk(disk_node(disk)):
                    raise Unreachable(f"machine {machine} hasn't let go of disk {disk} yet")
            self.disks.save(known.model_copy(update={"writer": None}))

    # Snapshots

    def snapshot_disk(self, disk: str, wanted: WantedSnapshot, progress: Progress = unwatched) -> None:
        self.copies.snapshot(disk, wanted, self.clock.now(), progress)

    def list_snapshots(self, owner: str | None = None) -> Sequence[Snapshot]:
        return self.copies.snapshots.all(owner)

    def restore_disk(self, disk: str, snapshot: str, progress: Progress = unwatched) -> None:
        with self.disks.holding(disk):
            known = self._seen(self.disks.get(disk))
            if known.writer is not None:
                raise Refused(
                    f"disk {disk} is in use by {known.writer}", "take it from the machine first", code="disk-in-use"
                )
            self.copies.restore(known, snapshot, progress)

    def clone_disk(self, source: str, wanted: WantedDisk, progress: Progress = unwatched) -> None:
        self.copies.clone(source, wanted, self.clock.now(), progress)

    def delete_snapshot(self, name: str) -> None:
        self.copies.snapshots.delete(name)

    # Inside

    def _plugged_into(self, disk: str) -> Folder | None:
        """The machine whose process has a disk; None when nobody writes to it. Raises NotFound."""
        writer = self._seen(self.disks.get(disk)).writer
        folder = self._folder(writer) if writer else None
        return folder if folder is not None and folder.process() is not None else None

    def _seen(self, disk: Disk) -> Disk:
        """A disk as it is: a machine that was stopped, and whose process is gone, writes no more."""
        if disk.writer is None:
            return disk
        folder = self._folder(disk.writer)
        record = folder.record()
        stopped = (record is None or not record.on) and folder.process() is None
        return disk.model_copy(update={"writer": None}) if stopped else disk

    def _start(self, folder: Folder) -> None:
        """Starts QEMU where it doesn't run. It returns when its sockets are there; the guest boots on."""
        record = self._record(folder)
        if folder.process() is not None:
            return
        artifact = self.images.load(record.wanted.digest)
        self.images.require_whole(artifact)
        folder.write("machine", machine_facts(record))
        folder.write("config", config_env(record.wanted.config))
        folder.write("environment", manager_environment(record.wanted.config))
        folder.write("entrypoint", entrypoint_lines(artifact.manifest.entrypoint, record.wanted.config))
        folder.write("tester", TESTER if record.wanted.agent else "")
        self._keepers.forget(folder.name)
        values = reveal_all(self._reveal, record.wanted.secrets)
        with with_secrets(artifact.file("initrd"), values) as (initrd, handed):
            words = machine_words(folder, record, artifact, self.accelerator, initrd)
            folder.launch(words, START_LIMIT_S, handed)

    def _view(self, folder: Folder, record: MachineRecord, disks: Sequence[Disk]) -> Machine:
        wanted, process = record.wanted, folder.process()
        power = Power.RUNNING if process else (Power.GONE if record.on else Power.STOPPED)
        reply = self._keepers.status(folder.path, process) if process else KeeperReply(Phase.UNKNOWN)
        return Machine(
            **wanted.model_dump(include={"name", "owner", "group", "fleet", "index", "cpus", "memory_bytes"}),
            digest=self._digest(folder) or wanted.digest,
            power=power,
            phase=reply.phase,
            detail=reply.detail,
            failed_units=reply.failed_units,
            created_at=record.created_at,
            started_at=folder.started_at() if process else None,
            stopped_at=record.stopping_since,
            addresses={guest: f"127.0.0.1:{host}" for guest, host in record.ports.items()},
            attached=tuple(disk.name for disk in disks if disk.writer == wanted.name),
        )

    def _digest(self, folder: Folder) -> str | None:
        """The image whose root the process has opened, whatever the record says."""
        for opened in folder.open_files():
            path = Path(opened)
            if path.parent.parent == self.images.path.resolve() and path.suffix == ".img":
                return f"sha256:{path.parent.name}"
        return None

    def _ports(self, wanted: WantedMachine) -> dict[int, int]:
        taken = {port for f in self._folders() if (r := f.record()) for port in r.ports.values()}
        return choose_ports(wanted.ports, taken, zlib.crc32(f"{self.home.root}/{wanted.name}".encode()))

    def _folders(self) -> list[Folder]:
        return [Folder(path) for path in sorted(self.home.machines.iterdir()) if path.is_dir()]

    def _folder(self, name: str) -> Folder:
        return Folder(self.home.machines / name)

    def _record(self, folder: Folder) -> MachineRecord:
        record = folder.record()
        if record is None:
            raise NotFound(
                f"no machine {folder.name}", "`stoneware machine list` shows what there is", code="machine-not-found"
            )
        return record


def _tail(path: Path, lines: int) -> str:
    """The last lines of a file, read from its end."""
    try:
        with path.open("rb") as source:
            source.seek(max(0, path.stat().st_size - lines * 400))
            text = source.read().decode("utf-8", "replace").replace("\r", "")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
