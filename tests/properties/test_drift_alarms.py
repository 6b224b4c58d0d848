"""No false alarm: whatever rollouts, rollbacks, aborts and repairs of sick machines a healthy deployment goes through, a look for
drift after every step of it finds nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import StonewareError
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.operation import OperationRecord, Signal, SignalKind

DEEDS = ["deploy", "other size", "roll back", "abort", "sick", "config", "wait", "restart"]
STRATEGIES = ["blue_green", "rolling", "canary", "recreate"]


class History:
    """`do` is one deed, played to its end with a look after every step."""

    def __init__(self, world: World, strategy: str, disks: bool) -> None:
        self.world, self.guard = world, Guard(world)
        self.strategy, self.disks = strategy, disks
        self.version, self.size, self.town = 1, 3, "0"
        self.alarms: list[str] = []
        world.publish("web", 1)
        self.play(world.deploy(self.spec()))

    def spec(self) -> DeploymentSpec:
        more = {"steps": [{"share": 10, "duration": "2s"}]} if self.strategy == "canary" else {}
        declared = spec(self.size, self.disks, f"web/{self.version}", strategy=self.strategy, **more)
        group = declared.groups["web"].model_copy(update={"config": {"TOWN": self.town}})
        return declared.model_copy(update={"groups": {"web": group}})

    def do(self, deed: str) -> None:
        world = self.world
        if deed == "deploy":
            self.version += 1
            world.publish("web", self.version)
        elif deed == "other size":
            self.size = 5 - self.size
        elif deed == "config":
            self.town += "1"
        if deed in ("deploy", "other size", "config"):
            self.play(self.wish())
        elif deed == "roll back":
            self.play(self.back())
        elif deed == "abort":
            self.version += 1
            world.publish("web", self.version)
            self.play(self.wish(), abort_after=7 + self.version * 5)
        elif deed == "sick":
            self.fall_sick()
        elif deed == "restart":
            world.restart()
            self.guard.open()
        self.look(20)

    def wish(self) -> OperationRecord | None:
        try:
            return self.world.deploy(self.spec())
        except StonewareError:
            return None  # nothing changes, or it may not be

    def back(self) -> OperationRecord | None:
        try:
            return self.world.releasing.rollback("town", None, "tester")[1]
        except StonewareError:
            return None

    def fall_sick(self) -> None:
        """One machine serves and doesn't answer, until it is made anew."""
        name = next(iter(self.world.machines()))
        self.world.engine.sick.add(name)
        with self.guard.hospital.cured_when_made_anew():
            for _ in range(60):
                self.guard.hospital.live(1)
                self.look(1)
        self.world.engine.sick.clear()

    def play(self, operation: OperationRecord | None, abort_after: int = 10**6) -> None:
        steps = 0
        while operation and self.world.store.operations.get(operation.id).result is None:
            self.world.step()
            steps += 1
            if steps == abort_after:
                self.tell(operation, SignalKind.ABORT)
            self.look(1)
            assert steps < 5000

    def tell(self, operation: OperationRecord, kind: SignalKind) -> None:
        record = self.world.store.operations.get(operation.id)
        procedure = self.world.runner.procedures["rollout"]
        if record.result is None and procedure.objection(kind, record) is None:
            signal = Signal(kind=kind, actor="tester", at=self.world.clock.now())
            self.world.store.operations.signal(operation.id, signal)

    def look(self, times: int) -> None:
        for _ in range(times):
            current = self.world.store.releases.current("town")
            for drift in self.guard.drift.look(current).drifts if current else ():
                self.alarms.append(f"{drift.kind} {drift.subject} {drift.where}: {drift.expected}, not {drift.found}")
            self.alarms += [f"{one.deployment}: {one.drifts}" for one in self.guard.drift.strangers()]
            if times > 1:
                self.world.clock.sleep(1)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    deeds=st.lists(st.sampled_from(DEEDS), min_size=2, max_size=6),
    strategy=st.sampled_from(STRATEGIES),
    disks=st.booleans(),
)
def test_a_healthy_deployment_never_alarms(deeds: list[str], strategy: str, disks: bool) -> None:
    usable = disks and strategy in ("blue_green", "recreate")
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            history = History(world, strategy, usable)
            for deed in deeds:
                history.do(deed)
                assert history.alarms == [], deed
            assert history.guard.facts("drift.begin") == []
            assert world.violations == []
        finally:
            world.close()
