"""An engine in memory, with its own idea of time and faults on demand: for simulations, contract tests and first tries.

It keeps every rule that a real engine keeps, so a test that passes here fails for the same reasons there. With a `state`
file it outlives its process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stoneware.clock import Clock
from stoneware.engines.engine import Reveal, no_secrets, reveal_all
from stoneware.engines.fake_attest import FakeAttest
from stoneware.engines.fake_shell import FakeShell, FakeWay
from stoneware.engines.fake_snapshots import FakeSnapshot, FakeSnapshots
from stoneware.errors import EngineError, NotFound, Refused, Unreachable
from stoneware.host.files import write_atomic
from stoneware.model.finding import Capabilities, Capacity, Finding
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, Machine, Phase, Power, Ran, WantedDisk, WantedMachine
from stoneware.model.noun import Noun
from stoneware.model.probe import Answer, HttpProbe, TcpProbe

QUIESCE_S = 0.2
MOUNT_S = 0.2


class FakeMachine(Noun):
    """A machine's content and what happened to it. Times are seconds since the epoch."""

    wanted: WantedMachine
    power: Power = Power.RUNNING
    created_at: float
    booted_at: float
    complete_at: float | None = None
    quiesced_at: float | None = None
    stopped_at: float | None = None
    first_port: int


class FakeState(Noun):
    """Everything the fake cloud holds. `contents` are the lines written to each disk, `roots` the root hashes of each image."""

    images: tuple[str, ...] = ()
    roots: dict[str, tuple[str, ...]] = {}
    machines: dict[str, FakeMachine] = {}
    disks: dict[str, Disk] = {}
    contents: dict[str, tuple[str, ...]] = {}
    snapshots: dict[str, FakeSnapshot] = {}
    next_port: int = 40000


class FakeEngine(FakeSnapshots, FakeAttest, FakeShell):
    """`boot_seconds` is what a boot takes, `slow` what it takes for some digests. `never_boots` names digests whose machines
    never come up, `gives_up` those that fail when they have booted, `sick` digests and machines that serve and don't answer.

    `fail_next` scripts faults. `on_effect(when, verb, name)` is called with `before` and `after` around each effect: it may
    raise, which is how tests kill the process at any point. `effects` lists what took place, in order. `host` is the capacity
    that it claims; without limits unless told. Secrets are revealed where a real engine does it, and their values dropped.
    """

    _state: FakeState

    def __init__(
        self, clock: Clock, *, boot_seconds: float = 3.0, state: Path | None = None, reveal: Reveal = no_secrets
    ) -> None:
        self.clock = clock
        self.boot_seconds = boot_seconds
        self.slow: dict[str, float] = {}
        self.never_boots: set[str] = set()
        self.gives_up: set[str] = set()
        self.sick: set[str] = set()
        self.ways: dict[str, FakeWay] = {}
        self.host = Capacity()
        self.effects: list[tuple[str, str]] = []
        self.on_effect: Callable[[str, str, str], None] = lambda *_: None
        self.reveal = reveal
        self._file = state
        self._faults: list[tuple[str, EngineError, bool]] = []
        self._lock = threading.RLock()
        self._meddled = {}
        self._state = FakeState.model_validate_json(state.read_bytes()) if state and state.exists() else FakeState()

    # Scripting

    def fail_next(self, method: str, error: EngineError, times: int = 1, after_effect: bool = False) -> None:
        """The next calls of a method raise. `after_effect`: what was asked happens, only the reply is lost."""
        self._faults += [(method, error, after_effect)] * times

    def kill_machine(self, name: str) -> None:
        """The machine's process dies without our asking."""
        with self._lock:
            self._put(name, self._machine(name).model_copy(update={"power": Power.GONE}))

    def answer(self, probe: HttpProbe | TcpProbe, address: str, timeout_s: float) -> Answer:
        """What a probe of this address says: good when its machine serves. The same shape as `host.probe.ask`."""
        serving = self.healthy(address)
        return Answer(ok=serving, detail="HTTP 200" if serving else "connection refused")

    def healthy(self, address: str) -> bool:
        """Whether a serving, well machine answers at this address."""
        port = int(address.rpartition(":")[2])
        with self._lock:
            for machine in self._state.machines.values():
                if machine.first_port <= port < machine.first_port + len(machine.wanted.ports):
                    return self.is_well(machine) and self._phase(machine) is Phase.SERVING
        return False

    def is_well(self, machine: FakeMachine) -> bool:
        """Whether a machine that serves answers as it should."""
        return machine.wanted.digest not in self.sick and machine.wanted.name not in self.sick

    def boot_of(self, digest: str) -> float:
        """Seconds that a machine of this image takes to boot."""
        return self.slow.get(digest, self.boot_seconds)

    def everything(self, owner: str | None = None) -> list[Machine]:
        """All machines, or one owner's, whatever is scripted: for those who check, not for those who are tested."""
        with self._lock:
            attached: dict[str, list[str]] = {}
            for disk in self._state.disks.values():
                if disk.writer is not None:
                    attached.setdefault(disk.writer, []).append(disk.name)
            mine = [m for m in self._state.machines.values() if owner in (None, m.wanted.owner)]
            return [self._view(machine, attached.get(machine.wanted.name, ())) for machine in mine]

    def images(self) -> tuple[str, ...]:
        """Digests of all images that can be started here."""
        return self._state.images

    def shift(self, seconds: float) -> None:
        """The host's clock was set; machines go on as if nothing had happened."""
        with self._lock:
            for name, machine in self._state.machines.items():
                times = {
                    field: value + seconds
                    for field in ("booted_at", "complete_at", "quiesced_at")
                    if (value := getattr(machine, field)) is not None
                }
                self._put(name, machine.model_copy(update=times))

    # The protocol

    def capabilities(self) -> Capabilities:
        return Capabilities(engine="fake", disks=True, power=True, snapshots=True)

    def capacity(self) -> Capacity:
        return self.host

    def check(self) -> Sequence[Finding]:
        return [Finding(name="fake", level="ok", text="in memory; no real machine is started")]

    def publish_image(self, artifact: Artifact) -> None:
        digest = artifact.manifest.digest
        with self._effect("publish_image", digest):
            roots = {**self._state.roots, digest: tuple(layer.root_hash for layer in artifact.manifest.layers)}
            self._save(images=(*(image for image in self._state.images if image != digest), digest), roots=roots)

    def delete_image(self, digest: str) -> None:
        with self._effect("delete_image", digest):
            users = [m.wanted.name for m in self._state.machines.values() if m.wanted.digest == digest]
            if users:
                raise Refused(f"image {digest[:19]} is used by {', '.join(users)}", code="image-in-use")
            self._save(images=tuple(image for image in self._state.images if image != digest))

    def list_images(self) -> Collection[str]:
        return self.images()

    def create_machine(self, wanted: WantedMachine) -> None:
        with self._effect("create_machine", wanted.name):
            known = self._state.machines.get(wanted.name)
            if known is not None:
                if known.wanted != wanted:
                    raise Refused(f"machine {wanted.name} exists with another content", "delete it first")
                if known.power is Power.STOPPED:
                    raise Refused(f"machine {wanted.name} is stopped", "start it, or delete it first")
                return
            if wanted.digest not in self._state.images:
                raise Refused(f"image {wanted.digest[:19]} isn't published here", code="image-not-here")
            reveal_all(self.reveal, wanted.secrets)
            now, port = self.clock.now(), self._state.next_port
            booted_at = now + self.boot_of(wanted.digest)
            machine = FakeMachine(wanted=wanted, created_at=now, booted_at=booted_at, first_port=port)
            self._save(next_port=port + len(wanted.ports))
            self._put(wanted.name, machine)

    def delete_machine(self, name: str) -> None:
        with self._effect("delete_machine", name):
            self._let_go(name)
            self._leave(name)
            self._save(machines={n: m for n, m in self._state.machines.items() if n != name})

    def list_machines(self, owner: str | None = None) -> Sequence[Machine]:
        self._maybe_fail("list_machines", after=False)
        return self.everything(owner)

    def read_console(self, name: str, lines: int = 50) -> str:
        with self._lock:
            machine = self._machine(name)
            return "\n".join([f"{name}: {self._phase(machine).lower()}"][-lines:])

    def run_inside(self, name: str, argv: Sequence[str], limit_s: float) -> Ran:
        """Nothing runs in a machine that exists in memory alone: every command succeeds and prints itself."""
        with self._lock:
            if not self._machine(name).wanted.agent:
                raise Refused(f"machine {name} has no way to run commands in it", "only machines under test have one")
            return Ran(status=0, output=" ".join(argv))

    def create_disk(self, wanted: WantedDisk) -> None:
        with self._effect("create_disk", wanted.name):
            known = self._state.disks.get(wanted.name)
            if known is not None:
                if known.size_bytes != wanted.size_bytes:
                    raise Refused(
                        f"disk {wanted.name} exists with {known.size_bytes} bytes, not {wanted.size_bytes}",
                        code="disk-size-fixed",
                    )
                return
            disk = Disk(**wanted.model_dump(), created_at=self.clock.now())
            self._save(disks={**self._state.disks, wanted.name: disk})

    def delete_disk(self, name: str) -> None:
        with self._effect("delete_disk", name):
            disk = self._state.disks.get(name)
            if disk is not None and disk.writer is not None:
                raise Refused(f"disk {name} is in use by {disk.writer}", code="disk-in-use")
            self._save(
                disks={n: d for n, d in self._state.disks.items() if n != name},
                contents={n: c for n, c in self._state.contents.items() if n != name},
            )

    def list_disks(self, owner: str | None = None) -> Sequence[Disk]:
        with self._lock:
            return [disk for disk in self._state.disks.values() if owner in (None, disk.owner)]

    def attach_disk(self, disk: str, machine: str) -> None:
        with self._effect("attach_disk", f"{disk}@{machine}"):
            known, target = self._disk(disk), self._machine(machine)
            if known.writer not in (None, machine):
                raise Refused(f"disk {disk} is in use by {known.writer}", code="disk-in-use")
            if target.power is not Power.RUNNING:
                raise Refused(f"machine {machine} is {target.power}")
            if disk not in [mount.disk for mount in target.wanted.disks]:
                raise Refused(f"machine {machine} has no place for disk {disk}")
            if known.writer is None:
                self.write(disk, machine)  # whoever gets a disk writes to it
            if known.writer is None or target.quiesced_at is not None:
                self._save(disks={**self._state.disks, disk: known.model_copy(update={"writer": machine})})
                complete = set(self._attached(machine)) == {mount.disk for mount in target.wanted.disks}
                ready = max(self.clock.now(), target.booted_at) + MOUNT_S if complete else None
                self._put(machine, target.model_copy(update={"complete_at": ready, "quiesced_at": None}))

    def quiesce_machine(self, name: str) -> None:
        with self._effect("quiesce_machine", name):
            machine = self._machine(name)
            if machine.power is Power.RUNNING and machine.complete_at is not None and machine.quiesced_at is None:
                self._put(name, machine.model_copy(update={"quiesced_at": self.clock.now() + QUIESCE_S}))

    def detach_disk(self, disk: str, machine: str) -> None:
        with self._effect("detach_disk", f"{disk}@{machine}"):
            known = self._disk(disk)
            if known.writer != machine:
                return
            target = self._machine(machine)
            if self._phase(target) in (Phase.STARTING, Phase.SERVING, Phase.QUIESCING):
                raise Refused(f"machine {machine} still works on disk {disk}", "quiesce it first", code="disk-in-use")
            self._save(disks={**self._state.disks, disk: known.model_copy(update={"writer": None})})
            self._put(machine, target.model_copy(update={"complete_at": None, "quiesced_at": None}))

    def stop_machine(self, name: str) -> None:
        with self._effect("stop_machine", name):
            machine = self._machine(name)
            self._let_go(name)
            self._leave(name)
            self._put(
                name,
                machine.model_copy(
                    update={
                        "power": Power.STOPPED,
                        "complete_at": None,
                        "quiesced_at": None,
                        "stopped_at": self.clock.now(),
                    }
                ),
            )

    def start_machine(self, name: str) -> None:
        with self._effect("start_machine", name):
            machine = self._machine(name)
            if machine.power is not Power.RUNNING:
                reveal_all(self.reveal, machine.wanted.secrets)
                self._let_go(name)
                booted_at = self.clock.now() + self.boot_of(machine.wanted.digest)
                boots = {"booted_at": booted_at, "complete_at": None, "quiesced_at": None}
                self._put(name, machine.model_copy(update={"power": Power.RUNNING, **boots}))

    # Inside

    @contextmanager
    def _effect(self, verb: str, name: str) -> Iterator[None]:
        self._maybe_fail(verb, after=False)
        self.on_effect("before", verb, name)
        with self._lock:
            before = self._state
            yield
            if self._state is not before:
                self.effects.append((verb, name))
        self.on_effect("after", verb, name)
        self._maybe_fail(verb, after=True)

    def _maybe_fail(self, verb: str, *, after: bool) -> None:
        for fault in self._faults:
            if fault[0] == verb and fault[2] is after:
                self._faults.remove(fault)
                raise fault[1] if not after else Unreachable(f"the reply to {verb} was lost")

    def _view(self, machine: FakeMachine, attached: Sequence[str]) -> Machine:
        wanted = machine.wanted
        ports = {port: f"127.0.0.1:{machine.first_port + i}" for i, port in enumerate(wanted.ports)}
        return Machine(
            name=wanted.name,
            owner=wanted.owner,
            group=wanted.group,
            fleet=wanted.fleet,
            index=wanted.index,
            digest=wanted.digest,
            cpus=wanted.cpus,
            memory_bytes=wanted.memory_bytes,
            power=machine.power,
            phase=self._phase(machine),
            created_at=machine.created_at,
            started_at=machine.booted_at - self.boot_seconds if machine.power is Power.RUNNING else None,
            stopped_at=machine.stopped_at if machine.power is Power.STOPPED else None,
            addresses=ports,
            attached=tuple(sorted(attached)),
        )

    def _phase(self, machine: FakeMachine) -> Phase:
        now = self.clock.now()
        if machine.power is not Power.RUNNING:
            return Phase.UNKNOWN
        if now < machine.booted_at or machine.wanted.digest in self.never_boots:
            return Phase.BOOTING
        if machine.wanted.digest in self.gives_up:
            return Phase.FAILED
        if machine.quiesced_at is not None:
            return Phase.QUIESCING if now < machine.quiesced_at else Phase.WAITING
        if machine.wanted.disks:
            if machine.complete_at is None:
                return Phase.WAITING
            return Phase.SERVING if now >= machine.complete_at else Phase.STARTING
        return Phase.SERVING

    def _attached(self, machine: str) -> list[str]:
        return sorted(disk.name for disk in self._state.disks.values() if disk.writer == machine)

    def _let_go(self, machine: str) -> None:
        free = {n: d.model_copy(update={"writer": None}) for n, d in self._state.disks.items() if d.writer == machine}
        if free:
            self._save(disks={**self._state.disks, **free})

    def _machine(self, name: str) -> FakeMachine:
        if name not in self._state.machines:
            raise NotFound(f"no machine {name}", code="machine-not-found")
        return self._state.machines[name]

    def _disk(self, name: str) -> Disk:
        if name not in self._state.disks:
            raise NotFound(f"no disk {name}", code="disk-not-found")
        return self._state.disks[name]

    def _put(self, name: str, machine: FakeMachine) -> None:
        if self._state.machines.get(name) != machine:
            self._save(machines={**self._state.machines, name: machine})

    def _save(self, **changes: object) -> None:
        fresh = self._state.model_copy(update=changes)
        if fresh != self._state:
            self._state = fresh
            if self._file:
                write_atomic(self._file, fresh.model_dump_json())
