"""A whole control plane under one manual clock: store, runner, fake engine, fake switch; and the checks that must hold."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.clock import ManualClock
from stoneware.engines.fake import FakeEngine
from stoneware.errors import Refused
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Artifact, BootTestRecord, Manifest, Recipe, SealedFile, Verity
from stoneware.model.operation import OperationRecord
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.releasing import Releasing
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.runner import Runner
from stoneware.operations.teardown import Teardown
from stoneware.store.store import Store, open_store
from stoneware.traffic.fake import FakeSwitch


class Killed(BaseException):
    """The process dies here: nothing after it runs, nothing of it is caught."""


def manifest(family: str, version: int) -> Manifest:
    """A manifest that differs by version only."""
    return Manifest(
        family=family,
        epoch=1,
        files={"root": SealedFile(name="root.img", sha256=f"{version:064x}", size_bytes=1)},
        verity=Verity(root_hash="0" * 64, salt="0" * 64, data_blocks=1, hash_start_block=1),
        kernel_version="6.1",
        cmdline="",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256=""),
    )


@dataclass
class World:
    """`publish` makes images, `deploy` and `rollback` start operations, `run` plays them to their end."""

    folder: Path
    database: Path = field(init=False)
    clock: ManualClock = field(default_factory=ManualClock)
    store: Store = field(init=False)
    engine: FakeEngine = field(init=False)
    switch: FakeSwitch = field(init=False)

    def __post_init__(self) -> None:
        # in memory: a simulation commits thousands of steps, and no disk has to survive it
        self.database = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="stoneware-")) / "world.db"
        self.store = open_store(f"sqlite:///{self.database}", self.clock)
        self.engine = FakeEngine(self.clock)
        self.switch = FakeSwitch(self.engine.healthy)
        self.platforms = Platforms({"fake": Platform(self.engine, self.switch, self.engine.answer)})
        self.releasing = Releasing(self.store, self.platforms, self.clock)
        self.log: list[str] = []
        self.violations: list[str] = []
        self.runner = Runner(
            self.store,
            {
                "rollout": Rollout(self.store, self.platforms, self.artifact),
                "teardown": Teardown(self.store, self.platforms),
            },
            self.clock,
            lambda operation, line: self.log.append(f"{operation}: {line}"),
        )

    def close(self) -> None:
        """Forgets everything."""
        self.store.close()
        shutil.rmtree(self.database.parent)

    def artifact(self, digest: str) -> Artifact:
        return Artifact(folder=self.folder, manifest=self.store.catalog.manifest(digest))

    def publish(self, family: str, version: int) -> str:
        sealed = manifest(family, version)
        self.store.catalog.stage(sealed, 1, "test")
        record = BootTestRecord(digest=sealed.digest, passed=True, started_at=0, seconds=1, results=())
        self.store.catalog.publish(sealed.digest, record, "test")
        return sealed.digest

    def deploy(self, spec: DeploymentSpec, name: str = "town") -> OperationRecord:
        _, record = self.releasing.deploy(name, spec, "tester")
        if record is None:
            raise Refused("nothing to do")
        return record

    def step(self) -> bool:
        """Runs one due step, or moves the clock to the next one. False when nothing is unfinished."""
        record = self.store.operations.claim("sim", 30.0)
        if record is None:
            due = self.store.operations.next_wake()
            if due is None:
                if not self.store.operations.list(unfinished=True):
                    return False
                self.clock.sleep(31.0)  # a dead worker's lease runs out
                return True
            self.clock.sleep(max(0.001, due - self.clock.now()))
            return True
        self.runner.run(record, threading.Event())
        self.check()
        return True

    def run(self, operation: str, most: int = 20000) -> OperationRecord:
        """Plays until this operation is over, and returns it."""
        for _ in range(most):
            record = self.store.operations.get(operation)
            if record.result is not None:
                return record
            self.step()
        raise AssertionError(f"{operation} doesn't end: {self.store.operations.get(operation)}")

    def check(self) -> None:
        """The invariants that can be seen from outside at any moment."""
        writers: dict[str, list[str]] = {}
        for machine in self.engine.list_machines():
            for disk in machine.attached:
                writers.setdefault(disk, []).append(machine.name)
        self.violations += [f"disk {d} has writers {w}" for d, w in writers.items() if len(w) > 1]

    def machines(self) -> dict[str, str]:
        """`name -> RUNNING/SERVING`."""
        return {m.name: f"{m.power}/{m.phase}" for m in self.engine.list_machines()}

    def fleet(self, service: str = "town.play") -> str | None:
        """The fleet that has the traffic."""
        view = self.switch.read(service)
        return view.pools[view.active].fleet.rpartition("-")[0] if view and view.active else None
