"""Routes: which of the two pools behind a service has the traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from stoneware.model.deployment import HealthSpec
from stoneware.model.noun import Noun

Slot = Literal["A", "B", "C"]
"""A and B take turns: one has the traffic, the other is prepared or kept warm. C is for a baseline to compare with."""


class Member(Noun):
    """A machine in a pool, at `HOST:PORT`. `draining`: it finishes what it has begun, and gets nothing new."""

    machine: str
    address: str
    draining: bool = False


class Pool(Noun):
    """The machines of one fleet that stand behind a service. `health` is how the proxy checks them; None: as the route says."""

    fleet: str
    members: tuple[Member, ...] = ()
    health: HealthSpec | None = None


class Route(Noun):
    """The whole wanted picture of a service. `active` is the pool that gets the requests; None answers 503.

    `shares`: percent of what is new that goes to other pools instead. `sticky`: a client stays with the pool that it met, as long
    as that is active, has a share, or is among `staying` (whose clients finish there, without getting new ones); it is forgotten
    when it was away for `session_idle_s`. `finish_s`: how long what was begun may go on in a proxy
    process that had to be replaced. `held`: requests wait (at most `hold_limit_s` seconds) instead of being passed on.
    """

    service: str
    listen: str
    pools: dict[Slot, Pool] = {}
    active: Slot | None = None
    shares: dict[Slot, int] = {}
    staying: tuple[Slot, ...] = ()
    sticky: bool = False
    session_idle_s: float = 600.0
    finish_s: float = 10.0
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
    draining: bool = False


class PoolView(Noun):
    """A pool as it is in force. `sessions`: clients that were seen lately and belong to it, where the service is sticky."""

    fleet: str
    members: tuple[MemberView, ...] = ()
    sessions: int = 0


class RouteView(Noun):
    """What is really in force for a service, read back from the proxy itself. `untold` says where that isn't what we told it
    last, `strange` what else it has that it wasn't told by us."""

    service: str
    listen: str
    active: Slot | None
    shares: dict[Slot, int] = {}
    staying: tuple[Slot, ...] = ()
    held: bool
    sticky: bool = False
    untold: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    pools: dict[Slot, PoolView]

    def share_of(self, slot: Slot) -> int:
        """The percent of new requests that a slot gets."""
        return 100 - sum(self.shares.values()) if slot == self.active else self.shares.get(slot, 0)

    def slot_of(self, fleet: str) -> Slot | None:
        """The slot whose pool holds this fleet."""
        return next((slot for slot, pool in self.pools.items() if pool.fleet == fleet), None)
