"""Drift: looks at every deployment from time to time, remembers what differs and since when, and says what is to be done.

A look changes nothing. What is done about drift is done by operations like all others: see `reconcile.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from stoneware.clock import Clock
from stoneware.decide.drift.looks import Looks, Sighting, after
from stoneware.decide.drift.remedy import Remedies, remedies
from stoneware.decide.drift.sight import Sight
from stoneware.decide.drift.strangers import cut_off_releases, stranger_drifts, stranger_services
from stoneware.decide.drift.verdict import differences, judged
from stoneware.decide.settings import CURRENT
from stoneware.errors import EngineError
from stoneware.host.unending import unending
from stoneware.model.drift import Drift, DriftReport
from stoneware.model.drift_classes import CLASSES
from stoneware.model.machine import Machine, Power
from stoneware.model.release import Release
from stoneware.model.setting import Edited
from stoneware.operations.boot_test import OWNER as TESTER
from stoneware.operations.drift_sight import Gathering, kept_aside
from stoneware.store.store import Store

log = structlog.get_logger()
CONFIRM_S = 2.0
"""How long after a look that left doubts the next one follows (seconds)."""
MOST_LOOKS = max(known.looks for known in CLASSES.values())
TURN_S = 0.5
STRANGERS = ""
"""Where looks at machines without a deployment are kept: no deployment has this name."""
STRANGERS_EVERY_S = 30.0


@dataclass
class Drifting:
    """`look` is one look, `check` as many as it takes to be sure; `run` looks for as long as the daemon lives.

    `reports` are of the last look. What began and what ended is in the store before anybody is told.
    """

    store: Store
    clock: Clock
    gathering: Gathering
    sleep: Callable[[float], object] = time.sleep
    _reports: dict[str, DriftReport] = field(default_factory=dict)
    _looks: dict[str, Looks] = field(default_factory=dict)
    _next: dict[str, float] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)

    def look(self, release: Release) -> DriftReport:
        """One look at a deployment. Raises no EngineError: an engine that is away is a note, and what was known of it stays."""
        name = release.deployment
        with self._locks.setdefault(name, threading.Lock()):
            began = time.monotonic()
            try:
                gathered = self.gathering.look(release)
            except EngineError as away:
                return self._noted(release, (str(away),))
            if gathered is None:
                return self.report(name)
            sight = gathered.sight
            self._learn(name, differences(sight), lambda one: _stays(one, sight))
            notes = tuple(dict.fromkeys(gathered.notes))
            return self._noted(release, notes, sight, time.monotonic() - began, gathered.whole)

    def check(self, deployment: str) -> DriftReport:
        """Looks again until nothing is in doubt. Of one that has nothing current, whatever there is of it is a stranger."""
        for turn in range(MOST_LOOKS):
            release = self.store.releases.current(deployment)
            report = self.look(release) if release else self._look_for_strangers(deployment)
            if turn + 1 == MOST_LOOKS or not self._known(deployment if release else STRANGERS).in_doubt:
                return report
            self.sleep(CONFIRM_S)
        raise AssertionError("at least one look is taken")

    def strangers(self) -> list[DriftReport]:
        """One look at machines of owners that have no current release, as far as any engine in use shows them."""
        with self._locks.setdefault(STRANGERS, threading.Lock()):
            looked_after = {release.deployment for release in self.store.releases.currents()}
            cut_off, now = self._cut_off(looked_after), self.clock.now()
            machines, services, notes = self._everybody(cut_off)
            under_way = self.store.operations.under_way()
            owners = looked_after | {*cut_off}
            seen = [*cut_off_releases(cut_off, under_way, now)]
            seen += list(stranger_drifts(machines, owners, under_way, (TESTER,), now))
            seen += stranger_services(services, owners, under_way, now)
            self._learn(STRANGERS, seen, lambda _: bool(notes))
            found = self._known(STRANGERS).drifts
            return [
                DriftReport(deployment=owner, release=None, checked_at=self.clock.now(), drifts=_of(found, owner))
                for owner in sorted({one.deployment for one in found})
            ]

    def _look_for_strangers(self, deployment: str) -> DriftReport:
        self._reports.pop(deployment, None)  # of when it had a release
        found = {report.deployment: report for report in self.strangers()}
        return found.get(deployment) or DriftReport(deployment=deployment, release=None, checked_at=self.clock.now())

    def _cut_off(self, looked_after: Collection[str]) -> dict[str, Edited]:
        """Deployments that have a current release on record, and by their rows none that there is: nobody looks after them."""
        edited = [one for one in self.gathering.settings() if one.place.where == CURRENT and one.on_record.isdigit()]
        return {one.place.subject: one for one in edited if one.place.subject not in looked_after}

    def report(self, deployment: str) -> DriftReport:
        """What the last look found; what is on record when this daemon hasn't looked yet."""
        known = self._reports.get(deployment)
        if known is not None:
            return known
        release = self.store.releases.current(deployment)
        drifts = self.store.drifts.of(deployment)
        return DriftReport(
            deployment=deployment,
            release=release.number if release else None,
            checked_at=None,
            drifts=tuple(judged(drifts, release.spec.drift, self.clock.now()) if release else drifts),
        )

    def remedies_of(self, release: Release) -> Remedies:
        """What is to be done about a deployment now: nothing on the word of a look from before its last operation ended."""
        report = self._reports.get(release.deployment)
        if report is None or report.release != release.number or not any(one.counts for one in report.drifts):
            return Remedies()
        found = remedies(release, [one for one in report.drifts if one.counts])
        if not (found.replace or found.quarantine or found.routes):
            return found
        last = self.store.operations.ended(release.deployment)
        since = (last[0].ended_at or 0.0) if last else 0.0
        return found if since < (report.checked_at or 0.0) else Remedies()

    def died(self, release: Release, names: Sequence[str], because: str) -> None:
        """Declared machines were found dead, and are made anew before the next look could see it."""
        name, now = release.deployment, self.clock.now()
        sight = Sight(release=release, now=now, machines={})
        found = [
            sight.differs("machine.missing", one, "running", "its process ended, and nobody here ended it")
            for one in names
        ]
        with self._locks.setdefault(name, threading.Lock()):
            looks = self._known(name)
            # one that a single look has seen is certain now, and no further look will see it
            fresh = {one.key: Sighting(one, MOST_LOOKS) for one in found if not looks.counts(one.key)}
            self.store.drifts.change([one.drift for one in fresh.values()], (), because)
            self._looks[name] = Looks({**looks.sightings, **fresh})
            report = self._reports.get(name)
            if report is not None:
                self._noted(release, report.notes, whole=report.whole)

    def run(self, stop: threading.Event) -> None:
        """Looks at each deployment as often as it declares, until `stop` is set."""
        while not stop.wait(TURN_S):
            with unending("looking for drift"):
                self.turn()

    def turn(self) -> None:
        """Every look that is due now."""
        current = {release.deployment: release for release in self.store.releases.currents()}
        for name in [name for name in self._looks if name and name not in current]:
            self._learn(name, (), lambda _: False)  # it was destroyed
            self._looks.pop(name)
            self._reports.pop(name, None)
        for name, release in current.items():
            interval_s = release.spec.drift.interval
            if self._is_due(name, interval_s):
                with unending("looking for drift", deployment=name):
                    self.look(release)
                self._plan(name, interval_s)
        if self._is_due(STRANGERS, STRANGERS_EVERY_S):
            with unending("looking for strangers"):
                self.strangers()
            self._plan(STRANGERS, STRANGERS_EVERY_S)

    def _is_due(self, name: str, interval_s: float) -> bool:
        """A clock that was set back holds nothing up."""
        return not 0 < self._next.get(name, 0.0) - self.clock.now() <= interval_s

    def _plan(self, name: str, interval_s: float) -> None:
        """What begins to differ now is certain within the interval, as far as that is longer than the looks that it takes."""
        sure_s = (MOST_LOOKS - 1) * CONFIRM_S
        pause_s = CONFIRM_S if self._known(name).in_doubt else max(CONFIRM_S, interval_s - sure_s)
        self._next[name] = self.clock.now() + pause_s

    def _known(self, name: str) -> Looks:
        if name not in self._looks:
            before = self.store.drifts.of(name) if name else self._strangers_on_record()
            self._looks[name] = Looks({one.key: Sighting(one, MOST_LOOKS) for one in before})
        return self._looks[name]

    def _strangers_on_record(self) -> list[Drift]:
        known = {release.deployment for release in self.store.releases.currents()}
        return [one for one in self.store.drifts.of() if one.deployment not in known]

    def _learn(self, name: str, seen: Sequence[Drift], stays: Callable[[Drift], bool]) -> None:
        looks = after(self._known(name), seen, stays)
        self.store.drifts.change(looks.begun, looks.ended)
        self._looks[name] = looks

    def _noted(
        self,
        release: Release,
        notes: tuple[str, ...],
        sight: Sight | None = None,
        seconds: float = 0.0,
        whole: bool = False,
    ) -> DriftReport:
        """The report after a look, kept. Without a sight nothing was looked at: it is as old as the last one."""
        name, before = release.deployment, self._reports.get(release.deployment)
        report = DriftReport(
            deployment=name,
            release=release.number,
            checked_at=self.clock.now() if sight else before.checked_at if before else None,
            seconds=seconds,
            machines=len(sight.evidence) if sight else 0,
            drifts=tuple(judged(self._known(name).drifts, release.spec.drift, self.clock.now())),
            notes=notes,
            whole=whole,
            quarantined=tuple(one.machine for one in kept_aside(self.store, release)),
        )
        self._reports[name] = report
        return report

    def _everybody(self, cut_off: Mapping[str, Edited]) -> tuple[list[Machine], list[str], list[str]]:
        """All machines and services of all engines that a deployment was ever on, and what couldn't be asked."""
        releases = self.store.releases
        engines = {one.spec.engine for record in releases.deployments() for one in releases.list(record.name)[-1:]}
        lost = [(name, int(edited.on_record)) for name, edited in cut_off.items()]
        engines |= {one.spec.engine for one in releases.some(lost)}
        machines: list[Machine] = []
        services: set[str] = set()
        notes: list[str] = []
        for engine in sorted(engines):
            platform = self.gathering.platforms.get(engine)
            try:
                machines += platform.engine.list_machines()
                services |= {*platform.switch.services()}
            except EngineError as away:
                notes.append(str(away))
        return machines, sorted(services), notes


def _of(drifts: Sequence[Drift], owner: str) -> tuple[Drift, ...]:
    return tuple(one for one in drifts if one.deployment == owner)


def _stays(drift: Drift, sight: Sight) -> bool:
    """What an operation that is under way keeps us from seeing stays as it was, for as long as the very machine is there. One that
    was missing and runs again is plain to see."""
    machine = sight.machines.get(drift.subject)
    back = drift.kind == "machine.missing" and machine is not None and machine.power is Power.RUNNING
    if not sight.busy or back:
        return False
    return drift.made_at == 0.0 or (machine is not None and machine.created_at == drift.made_at)
