"""A machine leaves the traffic outside of any rollout: the proxy sends it nothing new, and it finishes what it has begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stoneware.model.release import Release
from stoneware.names import service_key
from stoneware.operations.platform import Platform
from stoneware.operations.rollout import routes


@dataclass(frozen=True)
class KeepingAway:
    """`machine` is one of the current `release`."""

    platform: Platform
    release: Release
    machine: str

    def begin(self, note: Callable[[str], None]) -> None:
        """Tells the proxy of each service. `note(service)` enters it into the ledger, before. Repeatable."""
        for service in self._services():
            view = self.platform.switch.read(service_key(self.release.deployment, service))
            members = [m for pool in view.pools.values() for m in pool.members] if view else []
            if view is not None and any(m.machine == self.machine and not m.draining for m in members):
                note(view.service)
                self.platform.switch.apply(routes.kept_away(self.release, service, view, (self.machine,)))

    def open_requests(self) -> int:
        """Requests that it is answering still."""
        views = [self.platform.switch.read(service_key(self.release.deployment, s)) for s in self._services()]
        members = [member for view in views if view for pool in view.pools.values() for member in pool.members]
        return sum(member.open_requests for member in members if member.machine == self.machine)

    def limit_s(self, group: str) -> float:
        """How long it may take to finish (seconds)."""
        return self.release.groups[group].spec.rollout.drain

    def _services(self) -> list[str]:
        return sorted(self.release.spec.services)
