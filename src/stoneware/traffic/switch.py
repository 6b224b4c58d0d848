"""The traffic switch protocol: who gets the requests. `fake.py` beside it is its first implementation.

What goes wrong leaves as `Unreachable`, `Refused` or `Misconfigured`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stoneware.model.finding import Finding
from stoneware.model.measure import Counters
from stoneware.model.route import Route, RouteView


class Switch(Protocol):
    """Set whole pictures, then ask whether they hold."""

    def check(self) -> Sequence[Finding]:
        """A look at the proxy's tools; changes nothing."""

    def apply(self, route: Route) -> None:
        """Makes the whole picture of a service so; repeatable. The change of `active` and `shares` is one atomic command:
        a request that arrives after `apply` returned never reaches a pool that has no share any more."""

    def read(self, service: str) -> RouteView | None:
        """What is really in force, read from the proxy; None when it has no such service."""

    def services(self) -> Sequence[str]:
        """Every service that there is, by name."""

    def open_requests(self, service: str, fleet: str) -> int:
        """Requests being served by a fleet right now, for draining."""

    def counters(self, service: str) -> Mapping[str, Counters]:
        """What each machine behind a service answered since its proxy's start, by name."""

    def remove(self, service: str) -> None:
        """Ends a service and frees its address. No such service: success."""
