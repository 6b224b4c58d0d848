"""Builds for tests: specs in a line, and a daemon on whose store of builds there is an image to run steps in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.support.simulation import fresh_database
from tests.support.step_image import IMAGE

from stoneware.clock import ManualClock
from stoneware.host.home import Home
from stoneware.host.supervised import Look
from stoneware.model.build import BuildSpec, BuildStatus, BuildStep, Source
from stoneware.model.operation import OperationRecord
from stoneware.operations.build import Build
from stoneware.operations.build_frame import BuildFrame
from stoneware.operations.build_keeping import Keeping
from stoneware.operations.build_steps import Steps
from stoneware.operations.build_verbs import OwnSteps
from stoneware.operations.building import Building
from stoneware.operations.findings import Finding
from stoneware.operations.gatekeeping import Gatekeeping
from stoneware.operations.platform import Platforms
from stoneware.operations.procedure import Procedure
from stoneware.operations.promoting import Promoting
from stoneware.operations.releasing import Releasing
from stoneware.operations.runner import Runner
from stoneware.pipeline.folder import BuildFolder
from stoneware.store.store import open_store


def step(identity: str, script: str = "", **more: Any) -> BuildStep:
    """A step that runs a script in the image of the tests."""
    given: dict[str, Any] = {"id": identity, "image": IMAGE}
    if script:
        given["script"] = script
    return BuildStep.model_validate({**given, **more})


def spec(*steps: BuildStep, **more: Any) -> BuildSpec:
    """Steps one after the other, unless they say otherwise."""
    chained = [
        one
        if "waits_for" in one.model_fields_set or number == 0
        else one.model_copy(update={"waits_for": (number - 1,)})
        for number, one in enumerate(steps)
    ]
    return BuildSpec(steps=tuple(chained), **more)


@dataclass
class FakeRuns:
    """Steps in memory: `codes` says how each one ends, `lasts` how long it takes (seconds), `last` what it says in the end.
    `effect(what)` may raise. Those in `without` don't come to have a container.

    What it knows outlives whoever asks: it stands for the supervisors.
    """

    clock: ManualClock
    home: Home
    codes: dict[str, int] = field(default_factory=dict)
    lasts: dict[str, float] = field(default_factory=dict)
    vanish: set[str] = field(default_factory=set)
    last: str = "its last words"
    without: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    effect: Callable[[str], None] = lambda what: None
    began: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    starts: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def fetch(self, build: str, source: Source, pristine: bool, allowed: Collection[str]) -> None:
        self._begin(f"{build}/fetch", "fetch")

    def start(self, build: str, number: int, step: BuildStep, allowed: Collection[str]) -> None:
        self._begin(f"{build}/{number}", step.id)

    def _begin(self, job: str, name: str) -> None:
        self.effect(f"before {job}")
        if job not in self.began:
            self.began[job] = self.clock.now()
            self.names[job] = name
            self.starts.append(name)
        self.effect(f"after {job}")

    def look(self, build: str, job: str) -> Look:
        key = f"{build}/{job}"
        if key not in self.began:
            return Look("none")
        name, began = self.names[key], self.began[key]
        if name in self.vanish:
            return Look("vanished", began_at=began)
        over = began + self.lasts.get(name, 0.1)
        if self.clock.now() < over:
            return Look("running", began_at=began)
        return Look("ended", self.codes.get(name, 0), self.last, began, over)

    def stop(self, build: str, number: int) -> None:
        self.effect(f"stop {build}/{number}")

    def came_to_run(self, build: str, number: int) -> bool:
        return self.names[f"{build}/{number}"] not in self.without

    def missing(self, build: str, images: Sequence[str]) -> list[str]:
        return [one for one in images if one not in self.there]

    def end(self, build: str, jobs: Sequence[str]) -> bool:
        self.effect(f"end {build}")
        self.ended.add(build)
        return True

    def say(self, build: str, line: str) -> None:
        self.said.append(f"{build}: {line}")

    def folder(self, build: str) -> BuildFolder:
        return BuildFolder(self.home, build)


class BuildWorld:
    """A store, a runner and fake steps under one clock. `run` plays all builds to their ends."""

    def __init__(self, folder: Path, at_once: int = 2) -> None:
        self.clock = ManualClock()
        self.home = Home(folder)
        self.store = open_store(f"sqlite:///{fresh_database()}", self.clock)
        self.runs = FakeRuns(self.clock, self.home)
        self.at_once = at_once
        self.building = Building(self.store, self.clock)
        self.others: dict[str, Procedure[Any]] = {}
        self.told: list[BuildStatus] = []
        self.log: list[str] = []
        self.restart()

    def restart(self) -> None:
        """A new daemon: nothing of the old one's memory is left."""
        self.store.operations.take_over("sim")
        platforms = Platforms({})
        releasing = Releasing(self.store, platforms, self.clock)
        nobody_looks = cast(Finding, None)  # no build of these tests promotes anything
        promoting = Promoting(self.store, self.clock, releasing, nobody_looks)
        gatekeeping = Gatekeeping(self.store, self.clock, releasing)
        own = OwnSteps(self.store, self.home, gatekeeping, promoting, self.clock)
        build = Build(self.store, self.runs, Steps(self.runs, own), self.at_once, Keeping(self.home), self._tell)
        self.runner = Runner(
            self.store, {"build": build, **self.others}, self.clock, lambda _, line: self.log.append(line)
        )

    def _tell(self, record: OperationRecord, frame: BuildFrame, status: BuildStatus) -> None:
        self.told.append(status)

    def begin(self, spec: BuildSpec | None, **more: Any) -> str:
        source = more.pop("source", Source(repository="/srv/app.git", name="app", commit="c" * 40))
        return self.building.begin(source, actor="ann", spec=spec, **more).id

    def once(self) -> bool:
        """One step of whatever is due, or time goes on. False when nothing is left to do."""
        record = self.store.operations.claim("sim/0", 30.0)
        if record is not None:
            self.runner.run(record)
            return True
        due = self.store.operations.next_wake()
        if due is None:
            return False
        self.clock.sleep(max(0.01, due - self.clock.now()))
        return True

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        for _ in range(20_000):
            if until() or not self.once():
                return
        raise AssertionError(f"it goes on for ever: {self.building.list(unfinished=True)}")
