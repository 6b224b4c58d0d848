"""The world outside: a clock, a cloud and a proxy, with the conditions that a history brings."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.scenario import Quality

from stoneware.clock import ManualClock
from stoneware.engines.fake import FakeEngine, FakeMachine
from stoneware.model.machine import WantedMachine
from stoneware.model.measure import BOUNDS_MS, Counters
from stoneware.model.route import MemberState, Route, RouteView
from stoneware.traffic.fake import FakeSwitch


class SimClock(ManualClock):
    """`elapsed` is how long the history has lasted (seconds), whatever the clock was set to meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.elapsed += max(0.0, seconds)


class Cloud(FakeEngine):
    """`quality` is what each digest is like. `sick_until` and `busy_since` (when it got traffic) are moments of the history, by
    machine.
    """

    clock: SimClock

    def __init__(self, clock: SimClock, boot_s: float) -> None:
        super().__init__(clock, boot_seconds=boot_s)
        self.quality: dict[str, Quality] = {}
        self.sick_until: dict[str, float] = {}
        self.busy_since: dict[str, float] = {}

    def imagine(self, digest: str, quality: Quality) -> None:
        """An image of this quality."""
        self.quality[digest] = quality
        if quality is Quality.SLOW:
            self.slow[digest] = 8.0
        elif quality is Quality.NEVER_BOOTS:
            self.never_boots.add(digest)
        elif quality is Quality.GIVES_UP:
            self.gives_up.add(digest)
        elif quality is Quality.SICK:
            self.sick.add(digest)

    def create_machine(self, wanted: WantedMachine) -> None:
        """One that is made anew has nothing of the sickness of its predecessor."""
        if wanted.name not in self._state.machines:
            self.sick_until.pop(wanted.name, None)
        super().create_machine(wanted)

    def is_well(self, machine: FakeMachine) -> bool:
        name, quality = machine.wanted.name, self.quality.get(machine.wanted.digest)
        if quality is Quality.TIRES and self.clock.now() - (machine.complete_at or machine.booted_at) > 6.0:
            return False
        if quality is Quality.COLLAPSES and self.clock.elapsed - self.busy_since.get(name, float("inf")) > 1.0:
            return False
        return super().is_well(machine) and self.clock.elapsed >= self.sick_until.get(name, 0.0)

    def calm(self) -> None:
        """No more faults. Bad images stay bad."""
        self.sick_until.clear()
        self._faults.clear()

    def contents(self) -> list[FakeMachine]:
        """Every machine with all that it is made of: for those who check."""
        return list(self._state.machines.values())

    def writers(self) -> dict[str, str | None]:
        """Who has each disk: for those who check."""
        return {name: disk.writer for name, disk in self._state.disks.items()}


class Proxy(FakeSwitch):
    """`unseen_until`: machines that the proxy can't reach, though we can. `busy` are open requests by fleet, until when; clients
    that belong to the fleet, too, where a service is sticky. Each machine with traffic answers `per_s` requests a second.
    """

    def __init__(self, cloud: Cloud, per_s: int) -> None:
        super().__init__(cloud.healthy)
        self.cloud = cloud
        self.per_s = per_s
        self.unseen_until: dict[str, float] = {}
        self.busy: dict[str, tuple[int, float]] = {}

    def open_requests(self, service: str, fleet: str) -> int:
        count, until = self.busy.get(fleet, (0, 0.0))
        return count if self.cloud.clock.elapsed < until else 0

    def counters(self, service: str) -> Mapping[str, Counters]:
        """Who has traffic has answered ever since it got it; an image that errs, with every third answer a failure."""
        now, digests = self.cloud.clock.elapsed, {m.wanted.name: m.wanted.digest for m in self.cloud.contents()}
        found = {}
        for name in super().counters(service):
            answers = int(self.per_s * (now - self.cloud.busy_since.get(name, now)))
            errs = self.cloud.quality.get(digests.get(name, "")) is Quality.ERRS
            within = (answers,) * len(BOUNDS_MS)
            failed = answers // 3 if errs else 0
            found[name] = Counters(answers=answers, failed=failed, timed=answers, within=within)
        return found

    def routes(self) -> dict[str, Route]:
        """All that is in force: for those who check."""
        return self._routes

    def calm(self) -> None:
        """No more faults, and nobody waits for an answer."""
        self.unseen_until.clear()
        self.busy.clear()
        self._faults.clear()

    def _view(self, route: Route) -> RouteView:
        view, now = super()._view(route), self.cloud.clock.elapsed
        hidden = {name for name, until in self.unseen_until.items() if now < until}
        if not hidden and not self.busy:
            return view
        pools = {}
        for slot, pool in view.pools.items():
            count = self.open_requests(route.service, pool.fleet)
            members = tuple(
                m.model_copy(
                    update={"open_requests": count, "state": MemberState.DOWN if m.machine in hidden else m.state}
                )
                for m in pool.members
            )
            pools[slot] = pool.model_copy(update={"members": members, "sessions": count if route.sticky else 0})
        return view.model_copy(update={"pools": pools})
