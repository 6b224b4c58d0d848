"""A control plane and all that it acts on. Everything here is deterministic: no thread, no clock but its own, no chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.outside import Cloud, Proxy, SimClock
from tests.simulation.records import empty_store, look
from tests.simulation.scenario import Quality, Scenario
from tests.support.simulation import manifest

from stoneware.model.finding import Capacity
from stoneware.model.image import Artifact, BootTestRecord, StateSchema
from stoneware.model.operation import OperationRecord
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.procedure import Procedure
from stoneware.operations.prune import Prune
from stoneware.operations.reconcile import Reconcile
from stoneware.operations.releasing import Releasing
from stoneware.operations.rollout import judging
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.runner import Runner
from stoneware.operations.teardown import Teardown
from stoneware.operations.watch import Watch


class Direct:
    """What machines are asked with instead of threads: one after the other, in order."""

    def __init__(self, **_: object) -> None: ...

    def __enter__(self) -> Direct:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, ask: Callable[[Any], Any], questions: Iterable[Any]) -> Iterable[Any]:
        return map(ask, questions)

    def submit(self, ask: Callable[..., Any], *questions: Any) -> None:
        ask(*questions)


@dataclass
class Hand:
    """A daemon with one thread. `life` counts its starts: what a former life began, this one doesn't go on with."""

    name: str
    alive: bool = True
    stalled: bool = False
    life: int = 0


@dataclass(frozen=True)
class Act:
    """What runs just now: a step of an operation, or a chore of the daemon's."""

    hand: Hand
    life: int
    record: OperationRecord | None
    chore: str = ""
    begun: float = 0.0

    @property
    def operation(self) -> str:
        return self.record.id if self.record else ""


@dataclass
class World:
    """`hook` is called around each effect, note and commit. `tell` adds a line to the history."""

    scenario: Scenario
    folder: Path = Path("/nonexistent")
    clock: SimClock = field(default_factory=SimClock)
    story: list[tuple[float, str]] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    says: dict[str, tuple[tuple[int, ...], int] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        judging.ThreadPoolExecutor = Direct  # type: ignore[assignment, misc, attr-defined]
        self.hook: Callable[[str, str, str], None] = lambda *_: None
        self.store = empty_store(self.clock, self._hooked)
        self.cloud = Cloud(self.clock, self.scenario.boot_s)
        self.cloud.host = Capacity(boots=self.scenario.boots, memory_bytes=self.scenario.memory_bytes)
        self.proxy = Proxy(self.cloud, self.scenario.requests_per_s)
        self.cloud.on_effect = self.proxy.on_effect = self._hooked
        self.platforms = Platforms({"fake": Platform(self.cloud, self.proxy, self.cloud.answer)})
        self.releasing = Releasing(self.store, self.platforms, self.clock)
        self.hands = {name: Hand(name) for name in self.scenario.hands}
        procedures: dict[str, Procedure[Any]] = {
            "rollout": Rollout(self.store, self.platforms, self.artifact),
            "teardown": Teardown(self.store, self.platforms),
        }
        self.runner = Runner(self.store, procedures, self.clock, self._log)
        self.forget()
        self.prune = Prune(self.store, self.platforms, self.clock, lambda: None)

    def forget(self) -> None:
        """A new daemon: what its predecessor knew of the machines in service is gone."""
        self.watch = Watch(self.clock, _pool=Direct())  # type: ignore[arg-type]
        self.reconcile = Reconcile(self.store, self.platforms, self.clock, self.watch)

    @property
    def act(self) -> Act:
        """What runs now, innermost."""
        return self.acts[-1]

    def tell(self, text: str) -> None:
        self.story.append((round(self.clock.elapsed, 3), text))

    def artifact(self, digest: str) -> Artifact:
        return Artifact(folder=self.folder, manifest=self.store.catalog.manifest(digest))

    def publish(self, family: str, quality: Quality, says: tuple[tuple[int, ...], int] | None = None) -> None:
        """A new image of this quality, as a bake leaves it. It `says` which schemas of data it reads, and which it writes."""
        schema = StateSchema(reads=says[0], writes=says[1]) if says else None
        sealed = manifest(family, len(self.cloud.quality) + 1, schema)
        self.says[sealed.digest] = says
        self.cloud.imagine(sealed.digest, quality)
        self.store.catalog.stage(sealed, 1, "baker")
        record = BootTestRecord(digest=sealed.digest, passed=True, started_at=0, seconds=1, results=())
        self.store.catalog.publish(sealed.digest, record, "baker")

    def rows(self, query: str, *given: object) -> Sequence[tuple[Any, ...]]:
        """What the database says, past all that is simulated."""
        return look(query, *given)

    def current(self) -> dict[str, int | None]:
        """The current release of each deployment."""
        return {name: number for name, number in self.rows("SELECT name, current FROM deployments ORDER BY name")}

    def is_busy(self) -> bool:
        """Whether anything goes on."""
        return bool(self.rows("SELECT 1 FROM operations WHERE result IS NULL LIMIT 1"))

    def waits_for_a_person(self) -> bool:
        """Whether something goes on only when somebody says so."""
        waiting = "SELECT 1 FROM operations WHERE result IS NULL AND (paused OR state LIKE 'AWAITING_%') LIMIT 1"
        return bool(self.rows(waiting))

    def next_wake(self) -> float | None:
        """When the next operation that nobody holds is due."""
        free = "SELECT min(wake_at), max(written_at) FROM operations WHERE result IS NULL AND lease_until <= ?"
        [(due, written)] = self.rows(free, self.clock.now())
        if due is not None and written > self.clock.now():
            return self.clock.now()  # the clock was set back
        found: float | None = due
        return found

    def unfinished(self) -> list[OperationRecord]:
        """All that goes on, oldest first."""
        return self.store.operations.list(unfinished=True)[::-1]

    def _hooked(self, when: str, verb: str, name: str) -> None:
        self.hook(when, verb, name)

    def _log(self, operation: str, line: str) -> None:
        """A runner logs a traceback for what is nobody's answer: a fault of ours."""
        self.tell(f"{operation} logs: {line.strip().splitlines()[-1]}")
        if "Traceback" in line:
            self.surprises.append(f"{operation}: {line}")
