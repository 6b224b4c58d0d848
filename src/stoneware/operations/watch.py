"""The watch: asks the machines in service how they are, for as long as nothing else is under way for them.

What it learns it keeps in memory: a new daemon knows nothing bad of anybody. Letting a machine in takes proof, throwing it
out takes tolerance: it counts as well until `down` questions in a row had no good answer.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from stoneware.clock import Clock
from stoneware.decide.health import is_down, judge_health
from stoneware.host.unending import unending
from stoneware.model.deployment import HealthSpec
from stoneware.model.health import Health
from stoneware.model.probe import Answer
from stoneware.operations.platform import Ask

MOST_AT_ONCE = 32
MOST_PER_S = 100.0
"""How many machines that are well are asked in a second. Where there are more, each is asked less often: the proxies ask as well,
and take a sick machine out of the traffic at once."""
LOOK_S = 0.2
NEW = Health(healthy=True)


@dataclass(frozen=True, slots=True)
class Patient:
    """A machine to be asked at `address`, as its group declares it."""

    name: str
    address: str
    spec: HealthSpec
    ask: Ask


@dataclass
class Watch:
    """`follow` says who is to be asked, `look` asks those whose turn it is, `sick` tells who is beyond tolerance."""

    clock: Clock
    _patients: dict[str, Patient] = field(default_factory=dict)
    _health: dict[str, Health] = field(default_factory=dict)
    _asking: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="watch")
    )

    def follow(self, patients: Iterable[Patient]) -> None:
        """From now on these and no others. What is known of one stays while it is followed at the same address."""
        fresh = {patient.name: patient for patient in patients}
        with self._lock:
            for name in [name for name, old in self._patients.items() if not _is_same(old, fresh.get(name))]:
                self._health.pop(name, None)
            self._patients = fresh

    def look(self) -> list[Future[None]]:
        """Asks everyone whose turn it is, in parallel. Returns the questions that are on their way."""
        now = self.clock.now()
        with self._lock:
            stretch_s = len(self._patients) / MOST_PER_S
            due = [
                one
                for name, one in self._patients.items()
                if name not in self._asking and _is_due(self._health.get(name, NEW), one.spec, now, stretch_s)
            ]
            due.sort(key=lambda one: self._health.get(one.name, NEW).asked_at)
            self._asking.update(one.name for one in due)
        return [self._pool.submit(self._ask, one) for one in due]

    def sick(self, names: Collection[str]) -> dict[str, str]:
        """Which of these machines are beyond tolerance, with their last answer."""
        with self._lock:
            known = [(name, self._health.get(name, NEW)) for name in names]
        return {name: health.detail for name, health in known if is_down(health)}

    def known(self, names: Collection[str]) -> dict[str, Health]:
        """What is known of these machines; nothing of one that nobody has asked."""
        with self._lock:
            return {name: self._health[name] for name in names if name in self._health}

    def run(self, stop: threading.Event) -> None:
        """Looks until `stop` is set."""
        while not stop.wait(LOOK_S):
            with unending("asking machines how they are"):
                self.look()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, patient: Patient) -> None:
        probe = patient.spec.http or patient.spec.tcp
        try:
            answer = patient.ask(probe, patient.address, patient.spec.timeout) if probe else Answer(ok=True, detail="")
        finally:
            with self._lock:
                self._asking.discard(patient.name)
        with self._lock:
            if _is_same(patient, self._patients.get(patient.name)):
                before = self._health.get(patient.name, NEW)
                self._health[patient.name] = judge_health(before, answer, self.clock.now(), patient.spec)


def _is_same(old: Patient, new: Patient | None) -> bool:
    return new is not None and (old.address, old.spec) == (new.address, new.spec)


def _is_due(health: Health, spec: HealthSpec, now: float, stretch_s: float) -> bool:
    """A machine with a doubtful answer is asked again after its interval, one that is well perhaps later."""
    settled = health.healthy and health.streak > 0
    pause = max(spec.interval, stretch_s) if settled else spec.interval
    return now < health.asked_at or now - health.asked_at >= pause * 0.95
