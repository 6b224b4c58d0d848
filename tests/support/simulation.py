"""A whole control plane under one manual clock: store, runner, fake engine, fake switch; and the checks that must hold."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from stoneware.clock import ManualClock
from stoneware.engines.fake import FakeEngine
from stoneware.engines.fake_attest import healthy_inside
from stoneware.errors import Refused
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Artifact, BootTestRecord, Manifest, Recipe, SealedFile, StateSchema, Verity
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.model.route import MemberState
from stoneware.names import shadow_owner
from stoneware.operations.disks import Clone, TakeSnapshot
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Frame
from stoneware.operations.rehearsal import Rehearsal, shadow_frame
from stoneware.operations.releasing import Releasing
from stoneware.operations.restoring import Restore
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.rollout.stage import Died, nobody_hears
from stoneware.operations.runner import Runner
from stoneware.operations.teardown import Teardown, teardown_frame
from stoneware.store.store import Store, open_store
from stoneware.traffic.fake import FakeSwitch

_template: bytes | None = None
"""An empty database at the newest schema: made once, since a simulation lasts less long than a migration."""


def fresh_database() -> Path:
    """A new empty database. In memory: a simulation commits thousands of steps, and no disk has to survive it."""
    global _template  # noqa: PLW0603 - a cache, written once
    path = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="stoneware-")) / "world.db"
    if _template is None:
        open_store(f"sqlite:///{path}", ManualClock()).close()
        _template = path.read_bytes()
    path.write_bytes(_template)
    return path


class Killed(BaseException):
    """The process dies here: nothing after it runs, nothing of it is caught."""


def manifest(family: str, version: int, says: StateSchema | None = None) -> Manifest:
    """A manifest that differs by version only, and by what it says of the data that it can live with."""
    return Manifest(
        family=family,
        epoch=1,
        files={"layer-0": SealedFile(name="layer-0.img", sha256=f"{version:064x}", size_bytes=1)},
        tree="sha256:" + "0" * 64,
        layers=(Verity(root_hash="0" * 64, salt="-", data_blocks=1, hash_start_block=1),),
        kernel_version="6.1",
        cmdline="",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="0" * 64),
        state_schema=says,
    )


@dataclass
class World:
    """`publish` makes images, `deploy` and `rollback` start operations, `run` plays them to their end."""

    in_play: ClassVar[World | None] = None
    """The world whose step is being run."""

    folder: Path
    database: Path = field(default_factory=fresh_database)
    clock: ManualClock = field(default_factory=ManualClock)
    store: Store = field(init=False)
    engine: FakeEngine = field(init=False)
    switch: FakeSwitch = field(init=False)
    watch: Callable[[str, str, str], None] = field(init=False)
    """Called with `before` and `after` around each effect: (when, verb, name). It may raise Killed."""

    def __post_init__(self) -> None:
        self.store = open_store(f"sqlite:///{self.database}", self.clock)
        self.engine = FakeEngine(self.clock, state=self.database.parent / "cloud.json")
        self.switch = FakeSwitch(self.engine.healthy, state=self.database.parent / "routes.json")
        views = {name: self.switch.view(name) for name in self.switch.services()}
        self._served: dict[str, object] = {n: (v.active, v.held) for n, v in views.items() if v}
        self.watch = lambda *_: None
        self.died: Died = nobody_hears
        self.engine.on_effect = self.switch.on_effect = self._effect
        self.platforms = Platforms({"fake": Platform(self.engine, self.switch, self.engine.answer)})
        self.releasing = Releasing(self.store, self.platforms, self.clock)
        self.log: list[str] = []
        self.violations: list[str] = []
        self.restart()

    def restart(self) -> None:
        """A new daemon: nothing of the old one's memory is left."""
        self.store.operations.take_over("sim")
        self.runner = Runner(
            self.store,
            {
                "rollout": Rollout(self.store, self.platforms, self.artifact, died=self._told_of_deaths),
                "rehearsal": Rehearsal(self.store, self.platforms, self.artifact),
                "teardown": Teardown(self.store, self.platforms),
                "snapshot": TakeSnapshot(self.store, self.platforms),
                "clone": Clone(self.store, self.platforms),
                "restore": Restore(self.store, self.platforms),
            },
            self.clock,
            lambda operation, line: self.log.append(f"{operation}: {line}"),
        )

    def _told_of_deaths(self, release: Release, names: Sequence[str], because: str) -> None:
        self.died(release, names, because)

    def copy(self) -> World:
        """Another world that is exactly as this one is now."""
        self.store.db.dispose()
        twin = fresh_database()
        for file in self.database.parent.iterdir():
            shutil.copyfile(file, twin.parent / file.name)
        copied = World(self.folder, twin, ManualClock(self.clock.now()))
        copied.engine.never_boots, copied.engine.sick = set(self.engine.never_boots), set(self.engine.sick)
        copied.engine.host = self.engine.host
        return copied

    def close(self) -> None:
        """Forgets everything."""
        self.store.close()
        shutil.rmtree(self.database.parent)

    def artifact(self, digest: str) -> Artifact:
        return Artifact(folder=self.folder, manifest=self.store.catalog.manifest(digest))

    def publish(self, family: str, version: int, says: StateSchema | None = None) -> str:
        sealed = manifest(family, version, says)
        self.store.catalog.stage(sealed, 1, "test")
        inside = healthy_inside((80,), tuple(layer.root_hash for layer in sealed.layers))
        record = BootTestRecord(
            digest=sealed.digest, passed=True, started_at=0, seconds=1, results=(), inside={"vm": inside}
        )
        self.store.catalog.publish(sealed.digest, record, "test")
        return sealed.digest

    def deploy(self, spec: DeploymentSpec, name: str = "town") -> OperationRecord:
        _, record = self.releasing.deploy(name, spec, "tester")
        if record is None:
            raise Refused("nothing to do")
        return record

    def destroy(self, name: str = "town") -> OperationRecord:
        releases, active = self.store.releases.list(name), self.store.operations.active(name)
        frame = teardown_frame(releases, active, self.clock.now())
        return self.store.operations.create(
            kind="teardown",
            subject=name,
            actor="tester",
            reason="",
            state=Teardown.first,
            frame=frame,
            instead=True,
        )

    def begin(self, kind: str, frame: Frame) -> OperationRecord:
        """An operation on a disk of `town`."""
        first = self.runner.procedures[kind].first
        frame = frame.model_copy(update={"entered_at": self.clock.now()})
        return self.store.operations.create(
            kind=kind, subject="town", actor="tester", reason="", state=first, frame=frame
        )

    def rehearse(self, name: str = "town") -> OperationRecord:
        """A rehearsal of the way back."""
        current = self.store.releases.current(name)
        assert current is not None
        target = self.releasing.rollback_target(name, None, current)
        return self.store.operations.create(
            kind="rehearsal",
            subject=shadow_owner(name),
            actor="tester",
            reason="",
            state=Rehearsal.first,
            frame=shadow_frame(target, current, self.clock.now()),
        )

    def step(self) -> bool:
        """Runs one due step, or moves the clock to the next one. False when nothing is unfinished."""
        World.in_play = self
        record = self.store.operations.claim("sim/0", 30.0)
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
        for machine in self.engine.everything():
            for disk in machine.attached:
                writers.setdefault(disk, []).append(machine.name)
        self.violations += [f"disk {d} has writers {w}" for d, w in writers.items() if len(w) > 1]

    def _effect(self, when: str, verb: str, name: str) -> None:
        self._look_at_traffic(when, verb, name)
        self.watch(when, verb, name)

    def _look_at_traffic(self, when: str, verb: str, service: str) -> None:
        """Whoever gets the traffic is whole and healthy at that moment."""
        view = self.switch.view(service)
        if (when, verb) != ("after", "apply") or view is None:
            return
        before, self._served[service] = self._served.get(service), (view.active, view.held)
        if view.active is None or view.held or before == (view.active, view.held):
            return
        pool = view.pools[view.active]
        weak = [m.machine for m in pool.members if m.state is not MemberState.UP]
        if weak or not pool.members:
            self.violations.append(f"{service} was given to {pool.fleet} while {weak or 'nobody'} answered")

    def picture(self) -> dict[str, object]:
        """All that may be compared at the end of a story: what is there, who has what, and what is on record."""
        views = {name: self.switch.view(name) for name in self.switch.services()}
        facts = [entry.fact for entry in self.store.ledger.entries(limit=1000)]
        current = self.store.releases.current("town")
        return {
            "machines": {m.name: (m.power, m.phase, m.digest, m.attached) for m in self.engine.everything()},
            "disks": {d.name: d.writer for d in self.engine.list_disks()},
            "contents": {d.name: self.engine.content(d.name) for d in self.engine.list_disks()},
            "schemas": self.store.disk_schemas.all(),
            "snapshots": [(s.name, s.disk, s.data_schema, s.digest) for s in self.engine.list_snapshots()],
            "routes": {n: (v.active, v.held, {s: p.fleet for s, p in v.pools.items()}) for n, v in views.items() if v},
            "current": current.number if current else None,
            "releases": {r.number: r.state for r in self.store.releases.list("town")},
            "facts": sorted(f"{fact.verb} {fact.subject}" for fact in facts),
        }

    def machines(self) -> dict[str, str]:
        """`name -> RUNNING/SERVING`."""
        return {m.name: f"{m.power}/{m.phase}" for m in self.engine.everything()}

    def fleet(self, service: str = "town.play") -> str | None:
        """The fleet that has the traffic."""
        view = self.switch.view(service)
        return view.pools[view.active].fleet.rpartition("-")[0] if view and view.active else None
