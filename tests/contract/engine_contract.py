"""What every engine promises, as tests. A subclass brings an engine, an image that it can start, and its own patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoneware.engines.engine import Engine
from stoneware.errors import NotFound, Refused
from stoneware.model.image import Artifact
from stoneware.model.machine import Disk, DiskMount, Machine, Phase, Power, WantedDisk, WantedMachine
from stoneware.model.probe import Answer
from stoneware.model.snapshot import WantedSnapshot

OWNER = "town"
SECRET = "db-password/2"
VALUE = b"only machines know me"
revealed: list[str] = []
"""Which secrets engines have asked for, in order."""


def reveal(reference: str) -> bytes:
    """The way to secrets that engines are made with here."""
    if reference != SECRET:
        raise Refused(f"there is no secret {reference}", "set it")
    revealed.append(reference)
    return VALUE


SIZE = 64 * 2**20


class EngineContract:
    """Fixtures to be given by a subclass: `engine`, `again` (a new object over the same world), `artifact`.

    `patience_s` bounds each wait. `pause(seconds)` lets time pass, `kill(machine)` ends a machine from outside, `ask(machine)` puts
    the health question.
    """

    patience_s: float = 10.0
    port = 80
    mount = "/var/lib/critter"

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def kill(self, engine: Engine, name: str) -> None:
        raise NotImplementedError

    def kept(self, engine: Engine) -> Path:
        raise NotImplementedError

    def ask(self, engine: Engine, machine: Machine) -> Answer:
        raise NotImplementedError

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def again(self) -> Callable[[], Engine]:
        raise NotImplementedError

    @pytest.fixture
    def artifact(self) -> Artifact:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _clean(self, engine: Engine) -> Iterator[None]:
        yield
        for machine in engine.list_machines():
            engine.delete_machine(machine.name)
        for disk in engine.list_disks():
            engine.delete_disk(disk.name)
        for snapshot in engine.list_snapshots():
            engine.delete_snapshot(snapshot.name)

    def wanted(self, artifact: Artifact, index: int = 0, *disks: str) -> WantedMachine:
        return WantedMachine(
            name=f"town-web-r1-{index}",
            owner=OWNER,
            group="web",
            fleet=1,
            index=index,
            digest=artifact.manifest.digest,
            cpus=1,
            memory_bytes=256 * 2**20,
            ports=(self.port,),
            config={"MOTD": 'be kind, "critters" $HOME %n \\'},
            disks=tuple(DiskMount(disk=disk, mount=self.mount) for disk in disks),
        )

    def start(self, engine: Engine, wanted: WantedMachine, artifact: Artifact) -> Machine:
        engine.publish_image(artifact)
        engine.create_machine(wanted)
        return self.until(engine, wanted.name, Phase.WAITING if wanted.disks else Phase.SERVING)

    def until(self, engine: Engine, name: str, *phases: Phase) -> Machine:
        return self.wait(
            lambda: (m := self.get(engine, name)) and m.phase in phases and m, f"{name} never was {phases}"
        )

    def wait(self, look: Callable[[], object], why: str) -> Machine:
        waited = 0.0
        while not (found := look()):
            assert waited < self.patience_s, why
            self.pause(0.1)
            waited += 0.1
        assert isinstance(found, Machine | bool)
        return found  # type: ignore[return-value]

    def get(self, engine: Engine, name: str) -> Machine | None:
        return next((m for m in engine.list_machines() if m.name == name), None)

    def disk(self, engine: Engine, name: str) -> Disk:
        return next(d for d in engine.list_disks() if d.name == name)

    # Machines

    def test_it_says_what_it_can_and_what_the_host_lacks(self, engine: Engine) -> None:
        assert engine.capabilities().disks
        assert engine.capabilities().power
        assert all(finding.level in ("ok", "warn") for finding in engine.check())

    def test_it_says_what_its_machines_may_use(self, engine: Engine) -> None:
        capacity = engine.capacity()
        assert all(limit is None or limit > 0 for limit in (capacity.cpus, capacity.memory_bytes, capacity.boots))

    def test_a_machine_starts_serves_and_goes(self, engine: Engine, artifact: Artifact) -> None:
        wanted = self.wanted(artifact)
        machine = self.start(engine, wanted, artifact)
        assert (machine.power, machine.digest, machine.owner) == (Power.RUNNING, wanted.digest, OWNER)
        assert (machine.group, machine.fleet, machine.index) == ("web", 1, 0)
        self.wait(lambda: self.ask(engine, machine).ok, "it never answered")
        engine.create_machine(wanted)
        assert engine.list_machines(OWNER) == engine.list_machines()
        assert engine.list_machines("somebody-else") == []
        assert engine.read_console(wanted.name, 5).count("\n") <= 5
        with pytest.raises(Refused, match="another content"):
            engine.create_machine(wanted.model_copy(update={"config": {}}))
        with pytest.raises(Refused, match=wanted.name):
            engine.delete_image(wanted.digest)
        assert wanted.digest in engine.list_images()
        engine.delete_machine(wanted.name)
        engine.delete_machine(wanted.name)
        assert engine.list_machines() == []
        assert not self.ask(engine, machine).ok

    def test_an_image_that_is_not_there_starts_nothing(self, engine: Engine, artifact: Artifact) -> None:
        missing = self.wanted(artifact).model_copy(update={"digest": f"sha256:{'0' * 64}"})
        with pytest.raises(Refused):
            engine.create_machine(missing)
        assert [m for m in engine.list_machines() if m.power is Power.RUNNING] == []

    def test_secrets_come_with_every_start_and_are_kept_nowhere(
        self, engine: Engine, again: Callable[[], Engine], artifact: Artifact
    ) -> None:
        wanted = self.wanted(artifact).model_copy(update={"secrets": {"DB_PASSWORD": SECRET}})
        revealed.clear()
        self.start(engine, wanted, artifact)
        first = len(revealed)
        assert first
        engine.create_machine(wanted)
        assert len(revealed) == first, "nothing was started"
        self.stop(engine, wanted.name)
        later = again()
        later.start_machine(wanted.name)
        self.until(later, wanted.name, Phase.SERVING)
        assert len(revealed) > first
        with pytest.raises(Refused, match="another content"):
            later.create_machine(wanted.model_copy(update={"secrets": {}}))
        files = [path for path in self.kept(later).rglob("*") if path.is_file() and not path.is_symlink()]
        assert files
        assert [path for path in files if VALUE in path.read_bytes()] == []

    def test_a_machine_whose_secret_is_not_there_is_not_made(self, engine: Engine, artifact: Artifact) -> None:
        engine.publish_image(artifact)
        wanted = self.wanted(artifact).model_copy(update={"secrets": {"DB_PASSWORD": "db-password/9"}})
        with pytest.raises(Refused, match="no secret db-password/9"):
            engine.create_machine(wanted)
        assert engine.list_machines() == []

    def test_what_does_not_exist_is_named(self, engine: Engine) -> None:
        for act in (engine.read_console, engine.start_machine, engine.stop_machine, engine.quiesce_machine):
            with pytest.raises(NotFound, match="no machine nobody"):
                act("nobody")

    def test_a_new_daemon_finds_what_the_old_one_made(
        self, engine: Engine, again: Callable[[], Engine], artifact: Artifact
    ) -> None:
        wanted = self.wanted(artifact, 0, "worlds")
        self.start(engine, wanted, artifact)
        engine.create_disk(WantedDisk(name="worlds", owner=OWNER, size_bytes=SIZE))
        engine.attach_disk("worlds", wanted.name)
        self.until(engine, wanted.name, Phase.SERVING)
        machines, disks = engine.list_machines(), engine.list_disks()
        adopted = again()
        assert adopted.list_machines() == machines
        assert adopted.list_disks() == disks
        adopted.create_machine(wanted)
        adopted.attach_disk("worlds", wanted.name)
        assert self.until(adopted, wanted.name, Phase.SERVING).attached == ("worlds",)

    def test_a_machine_that_dies_is_gone_until_it_is_started_or_deleted(
        self, engine: Engine, artifact: Artifact
    ) -> None:
        wanted = self.wanted(artifact)
        before = self.start(engine, wanted, artifact)
        self.kill(engine, wanted.name)
        gone = self.wait(lambda: (m := self.get(engine, wanted.name)) and m.power is Power.GONE and m, "it never died")
        assert gone.phase is Phase.UNKNOWN
        engine.start_machine(wanted.name)
        back = self.until(engine, wanted.name, Phase.SERVING)
        assert back.addresses == before.addresses

    def test_a_stopped_machine_starts_again_as_it_was(self, engine: Engine, artifact: Artifact) -> None:
        wanted = self.wanted(artifact)
        before = self.start(engine, wanted, artifact)
        assert before.started_at is not None
        assert before.started_at >= before.created_at - 2, "its first run began when it was made"
        self.stop(engine, wanted.name)
        engine.stop_machine(wanted.name)
        stopped = self.get(engine, wanted.name)
        assert stopped is not None
        assert stopped.started_at is None
        with pytest.raises(Refused, match="stopped"):
            engine.create_machine(wanted)
        engine.start_machine(wanted.name)
        engine.start_machine(wanted.name)
        back = self.until(engine, wanted.name, Phase.SERVING)
        assert (back.addresses, back.digest) == (before.addresses, before.digest)
        assert back.created_at == before.created_at
        assert back.started_at is not None
        assert back.started_at > before.started_at

    def stop(self, engine: Engine, name: str) -> None:
        def off() -> bool:
            engine.stop_machine(name)
            machine = self.get(engine, name)
            return machine is not None and machine.power is Power.STOPPED

        self.wait(off, f"{name} never stopped")

    # Disks

    def test_disks_are_made_once_and_deleted_by_name(self, engine: Engine) -> None:
        wanted = WantedDisk(name="worlds", owner=OWNER, size_bytes=SIZE)
        engine.create_disk(wanted)
        engine.create_disk(wanted)
        with pytest.raises(Refused, match="bytes"):
            engine.create_disk(wanted.model_copy(update={"size_bytes": 2 * SIZE}))
        assert [(d.name, d.size_bytes, d.writer) for d in engine.list_disks(OWNER)] == [("worlds", SIZE, None)]
        assert engine.list_disks("somebody-else") == []
        engine.delete_disk("worlds")
        engine.delete_disk("worlds")
        assert engine.list_disks() == []

    def test_a_disk_moves_from_machine_to_machine_and_has_one_writer(self, engine: Engine, artifact: Artifact) -> None:
        old, new = self.wanted(artifact, 0, "worlds"), self.wanted(artifact, 1, "worlds")
        engine.create_disk(WantedDisk(name="worlds", owner=OWNER, size_bytes=SIZE))
        self.start(engine, old, artifact)
        self.start(engine, new, artifact)
        engine.attach_disk("worlds", old.name)
        engine.attach_disk("worlds", old.name)
        machine = self.until(engine, old.name, Phase.SERVING)
        self.wait(lambda: self.ask(engine, machine).ok, "it never answered")
        self.store(machine, "fox")
        assert self.disk(engine, "worlds").writer == old.name
        for act in (lambda: engine.attach_disk("worlds", new.name), lambda: engine.detach_disk("worlds", old.name)):
            with pytest.raises(Refused):
                act()
        with pytest.raises(Refused, match=old.name):
            engine.delete_disk("worlds")
        engine.quiesce_machine(old.name)
        self.until(engine, old.name, Phase.WAITING)
        assert not self.ask(engine, machine).ok, "the application must be stopped"
        engine.detach_disk("worlds", old.name)
        engine.detach_disk("worlds", old.name)
        assert self.disk(engine, "worlds").writer is None
        engine.attach_disk("worlds", new.name)
        machine = self.until(engine, new.name, Phase.SERVING)
        self.wait(lambda: self.ask(engine, machine).ok, "it never answered")
        assert self.stored(machine) in ("fox", None)

    def test_a_machine_that_let_go_can_go_on_with_its_disk(self, engine: Engine, artifact: Artifact) -> None:
        wanted = self.wanted(artifact, 0, "worlds")
        engine.create_disk(WantedDisk(name="worlds", owner=OWNER, size_bytes=SIZE))
        self.start(engine, wanted, artifact)
        for _ in range(2):
            engine.attach_disk("worlds", wanted.name)
            self.until(engine, wanted.name, Phase.SERVING)
            engine.quiesce_machine(wanted.name)
            self.until(engine, wanted.name, Phase.WAITING)

    def test_a_disk_is_refused_where_it_has_no_place(self, engine: Engine, artifact: Artifact) -> None:
        wanted = self.wanted(artifact, 0, "worlds")
        self.start(engine, wanted, artifact)
        engine.create_disk(WantedDisk(name="other", owner=OWNER, size_bytes=SIZE))
        with pytest.raises(Refused, match="no place"):
            engine.attach_disk("other", wanted.name)
        with pytest.raises(NotFound, match="no disk worlds"):
            engine.attach_disk("worlds", wanted.name)

    def test_a_disk_of_a_dead_machine_is_free_when_the_machine_is_stopped(
        self, engine: Engine, artifact: Artifact
    ) -> None:
        wanted = self.wanted(artifact, 0, "worlds")
        engine.create_disk(WantedDisk(name="worlds", owner=OWNER, size_bytes=SIZE))
        self.start(engine, wanted, artifact)
        engine.attach_disk("worlds", wanted.name)
        self.until(engine, wanted.name, Phase.SERVING)
        self.kill(engine, wanted.name)
        self.stop(engine, wanted.name)
        assert self.disk(engine, "worlds").writer is None

    # Snapshots

    def test_a_snapshot_is_taken_once_and_found_again(self, engine: Engine, again: Callable[[], Engine]) -> None:
        assert engine.capabilities().snapshots
        self.make_disk(engine, "worlds")
        self.make_disk(engine, "other")
        wanted = WantedSnapshot(name="before", why="a test", data_schema=3, release=7)
        engine.snapshot_disk("worlds", wanted)
        taken = engine.list_snapshots()
        engine.snapshot_disk("worlds", wanted)
        assert again().list_snapshots(OWNER) == engine.list_snapshots() == taken
        one = taken[0]
        assert (one.name, one.disk, one.owner, one.size_bytes) == ("before", "worlds", OWNER, SIZE)
        assert (one.why, one.data_schema, one.release) == ("a test", 3, 7)
        assert engine.list_snapshots("somebody-else") == []
        with pytest.raises(Refused, match="worlds"):
            engine.snapshot_disk("other", wanted)
        with pytest.raises(Refused, match="name of a disk"):
            engine.snapshot_disk("worlds", WantedSnapshot(name="other"))
        with pytest.raises(NotFound, match="no disk nothing"):
            engine.snapshot_disk("nothing", WantedSnapshot(name="fresh"))
        engine.delete_snapshot("before")
        engine.delete_snapshot("before")
        assert engine.list_snapshots() == []
        with pytest.raises(NotFound, match="no snapshot before"):
            engine.restore_disk("worlds", "before")

    def test_a_disk_in_use_is_taken_put_back_and_cloned(self, engine: Engine, artifact: Artifact) -> None:
        wanted = self.wanted(artifact, 0, "worlds")
        self.make_disk(engine, "worlds")
        machine = self.serving(engine, wanted, artifact)
        self.store(machine, "fox")
        engine.snapshot_disk("worlds", WantedSnapshot(name="before"))
        self.store(machine, "owl")
        assert self.stored(machine) in ("fox\nowl", None)
        with pytest.raises(Refused, match=wanted.name):
            engine.restore_disk("worlds", "before")
        engine.quiesce_machine(wanted.name)
        self.until(engine, wanted.name, Phase.WAITING)
        engine.detach_disk("worlds", wanted.name)
        for _ in range(2):
            engine.restore_disk("worlds", "before")
        engine.attach_disk("worlds", wanted.name)
        machine = self.until(engine, wanted.name, Phase.SERVING)
        self.wait(lambda: self.ask(engine, machine).ok, "it never answered")
        assert self.stored(machine) in ("fox", None)
        engine.delete_machine(wanted.name)
        for source, name in (("before", "copy"), ("worlds", "twin")):
            for _ in range(2):
                engine.clone_disk(source, WantedDisk(name=name, owner="elsewhere", size_bytes=SIZE))
            assert [(d.name, d.writer) for d in engine.list_disks("elsewhere")] == [(name, None)]
            engine.delete_disk(name)

    def test_what_does_not_fit_or_is_damaged_is_refused(self, engine: Engine) -> None:
        self.make_disk(engine, "worlds")
        self.make_disk(engine, "wide", 2 * SIZE)
        engine.snapshot_disk("worlds", WantedSnapshot(name="before"))
        with pytest.raises(Refused, match="bytes"):
            engine.restore_disk("wide", "before")
        for source in ("before", "worlds"):
            with pytest.raises(Refused, match="bytes"):
                engine.clone_disk(source, WantedDisk(name="copy", owner=OWNER, size_bytes=2 * SIZE))
        with pytest.raises(NotFound, match="no disk nothing"):
            engine.clone_disk("nothing", WantedDisk(name="copy", owner=OWNER, size_bytes=SIZE))
        self.damage(engine, "before")
        with pytest.raises(Refused, match="damaged"):
            engine.restore_disk("worlds", "before")
        with pytest.raises(Refused, match="damaged"):
            engine.clone_disk("before", WantedDisk(name="copy", owner=OWNER, size_bytes=SIZE))
        assert sorted(d.name for d in engine.list_disks()) == ["wide", "worlds"]

    def test_a_copy_that_is_cut_short_leaves_nothing(self, engine: Engine) -> None:
        self.make_disk(engine, "worlds")

        def stop(_done: int, _total: int) -> None:
            raise Refused("cut short")

        with pytest.raises(Refused, match="cut short"):
            engine.snapshot_disk("worlds", WantedSnapshot(name="before"), stop)
        assert engine.list_snapshots() == []
        with pytest.raises(Refused, match="cut short"):
            engine.clone_disk("worlds", WantedDisk(name="copy", owner=OWNER, size_bytes=SIZE), stop)
        assert [d.name for d in engine.list_disks()] == ["worlds"]

    def make_disk(self, engine: Engine, name: str, size_bytes: int = SIZE) -> None:
        engine.create_disk(WantedDisk(name=name, owner=OWNER, size_bytes=size_bytes))

    def serving(self, engine: Engine, wanted: WantedMachine, artifact: Artifact) -> Machine:
        self.start(engine, wanted, artifact)
        for mount in wanted.disks:
            engine.attach_disk(mount.disk, wanted.name)
        machine = self.until(engine, wanted.name, Phase.SERVING)
        self.wait(lambda: self.ask(engine, machine).ok, "it never answered")
        return machine

    def damage(self, engine: Engine, snapshot: str) -> None:
        """Changes what a snapshot holds, behind the engine's back."""
        raise NotImplementedError

    def store(self, machine: Machine, name: str) -> None:
        """Writes something that must outlive the machine, where the engine's machines are real."""

    def stored(self, machine: Machine) -> str | None:
        """What was written; None where nothing can be."""
        return None
