"""The engine in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.engine_contract import EngineContract, reveal
from tests.support.simulation import manifest

from stoneware.clock import ManualClock
from stoneware.engines.fake import FakeEngine
from stoneware.model.image import Artifact
from stoneware.model.machine import Machine
from stoneware.model.probe import Answer, HttpProbe

HEALTH = HttpProbe(port=80)


class TestFakeEngine(EngineContract):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Callable[[], FakeEngine]:
        self.clock = ManualClock()
        self.folder = tmp_path
        return lambda: FakeEngine(self.clock, state=tmp_path / "cloud.json", reveal=reveal)

    @pytest.fixture
    def engine(self, again: Callable[[], FakeEngine]) -> FakeEngine:
        return again()

    @pytest.fixture
    def artifact(self, tmp_path: Path) -> Artifact:
        return Artifact(folder=tmp_path, manifest=manifest("web", 1))

    def kept(self, engine: FakeEngine) -> Path:  # type: ignore[override]
        return self.folder

    def pause(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def kill(self, engine: FakeEngine, name: str) -> None:  # type: ignore[override]
        engine.kill_machine(name)

    def damage(self, engine: FakeEngine, snapshot: str) -> None:  # type: ignore[override]
        engine.damage(snapshot)

    def ask(self, engine: FakeEngine, machine: Machine) -> Answer:  # type: ignore[override]
        return engine.answer(HEALTH, machine.addresses[80], 1.0)
