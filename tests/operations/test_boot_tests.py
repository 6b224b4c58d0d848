"""What a boot test concludes from answers that change while it asks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.simulation import World

from stoneware.host.home import Home
from stoneware.model.deployment import BootTest, ImageSpec
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.probe import Answer
from stoneware.operations.bake import Bake, BakeFrame
from stoneware.operations.outcome import Go

UP = {"http": {"port": 80, "path": "/"}}
QUIET = {"console": {"lacks": "ERROR"}}
UNITS = {"units": {"failed": 0}}
SHUT = {"closed": {"port": 22}}


class Patient:
    """A machine under test, asked by a bake in rounds: what its console shows, its failed units, the ports that answer."""

    def __init__(self, folder: Path, *tests: dict[str, Any]) -> None:
        world = World(folder)
        self.console, self.failed, self.open = "", (), {80}
        engine = SimpleNamespace(read_console=lambda *_: self.console)
        ask = lambda probe, *_: Answer(ok=probe.port in self.open, detail="asked")  # noqa: E731
        platform: Any = SimpleNamespace(engine=engine, ask=ask)
        self.bake = Bake(world.store, Home(folder), {"vm": platform}, world.clock)
        self.ctx: Any = SimpleNamespace(now=10.0, log=lambda _: None)
        digest = world.publish("web", 1)
        spec = ImageSpec(containerfile="x", deliver=("vm",), test=tuple(BootTest.model_validate(one) for one in tests))
        self.frame = BakeFrame(family="web", folder="/", spec=spec, digest=digest, asked_from=9.0)
        self.made = dict(name="t", owner="o", group="g", fleet=1, index=0, digest=digest, created_at=0.0)

    def ask(self) -> tuple[list[str], str]:
        """One round: what is in doubt, and what can't pass any more."""
        machine = Machine.model_construct(
            **self.made,
            power=Power.RUNNING,
            phase=Phase.SERVING,
            addresses={80: "a:80", 22: "a:22"},
            failed_units=self.failed,
        )
        self.frame, doubts, late = self.bake._ask(self.ctx, self.frame, "vm", machine)
        return doubts, late


@pytest.mark.parametrize("denied", [QUIET, UNITS, SHUT])
def test_what_must_not_be_is_asked_again_when_all_the_rest_has_passed(denied: dict[str, Any], tmp_path: Path) -> None:
    """It was well in the first round, when the application wasn't up yet, and is bad in the last one."""
    it = Patient(tmp_path, denied, UP)
    it.open = set()
    assert it.ask()[0], "the application isn't up yet"
    it.open, it.console, it.failed = {80, 22}, "ERROR: it fell over", ("app.service",)
    doubts, _ = it.ask()
    assert len(doubts) == 1 and "http" not in doubts[0]
    it.open, it.console, it.failed = {80}, "", ()
    assert it.ask() == ([], "")
    assert len(it.frame.passed) == 2


def test_what_has_passed_is_not_asked_again(tmp_path: Path) -> None:
    it = Patient(tmp_path, UP)
    assert it.ask() == ([], "")
    it.open = set()
    assert it.ask() == ([], "")


def test_an_image_whose_files_are_not_as_they_were_sealed_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that an earlier bake left may have rotted since, where the machine under test never read."""
    it = Patient(tmp_path, UP)
    monkeypatch.setattr("stoneware.operations.bake.load", lambda *_: SimpleNamespace(folder=tmp_path, manifest=None))
    monkeypatch.setattr("stoneware.operations.bake.is_whole", lambda *_: False)
    monkeypatch.setattr("stoneware.operations.bake.wrong_with", lambda _: lambda _: "layer-0.img was changed")
    monkeypatch.setattr(Bake, "_drop_machine", lambda *_: None)
    it.ctx.record, it.ctx.note = SimpleNamespace(state="PUBLISHING"), lambda *_, **__: None
    outcome = it.bake.publishing(it.ctx, it.frame)
    assert isinstance(outcome, Go)
    assert (outcome.state, outcome.frame.code) == ("DISCARDING", "image-damaged")
    assert "layer-0.img was changed" in outcome.because
