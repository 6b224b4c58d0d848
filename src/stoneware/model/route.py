"""Routes: which of the two pools behind a service has the traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from stoneware.model.deployment import HealthSpec
from stoneware.model.noun import Noun

Slot = Literal["A", "B"]


class Member(Noun):
    """A machine in a pool, at `HOST:PORT`."""

    machine: str
    address: str


class Pool(Noun):
    """The machines of one fleet that stand behind a service. `health` is how the proxy checks them; None: as the route says."""

    fleet: str
    members: tuple[Member, ...] = ()
    health: HealthSpec | None = None


class Route(Noun):
    """The whole wanted picture of a service. `active` is the one pool that gets requests; None answers 503.

    `held`: requests wait (at most `hold_limit_s` seconds) instead of being passed on.
    """

    service: str
    listen: str
    pools: dict[Slot, Pool] = {}
    active: Slot | None = None
    held: bool = False
    hold_limit_s: float = 60.0
    health: HealthSpec


class MemberState(StrEnum):
    """The proxy's own verdict on a machine."""

    UP = "UP"
    DOWN = "DOWN"
    CHECKING = "CHECKING"


class MemberView(Noun):
    """A machine as the proxy sees it: its verdict, the reason, and the requests open on it now."""

    machine: str
    address: str
    state: MemberState
    detail: str = ""
    open_requests: int = 0


class PoolView(Noun):
    """A pool as it is in force."""

    fleet: str
    members: tuple[MemberView, ...] = ()


class RouteView(Noun):
    """What is really in force for a service, read back from the proxy itself."""

    service: str
    listen: str
    active: Slot | None
    held: bool
    pools: dict[Slot, PoolView]

    def slot_of(self, fleet: str) -> Slot | None:
        """The slot whose pool holds this fleet."""
        return next((slot for slot, pool in self.pools.items() if pool.fleet == fleet), None)
