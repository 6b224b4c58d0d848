"""What tests of a switch stand on: a route with two pools of machines, and a view that is awaited."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from stoneware.model.deployment import HealthSpec
from stoneware.model.probe import HttpProbe
from stoneware.model.route import Member, MemberState, Pool, Route, RouteView, Slot
from stoneware.traffic.switch import Switch

SERVICE = "town.play"
HEALTH = HealthSpec(http=HttpProbe(port=80, path="/healthz"), interval="200ms", timeout="1s", healthy_for="1s")


class SwitchGround:
    """Fixtures to be given by a subclass: `switch`, `machine` (makes a healthy one, returns its address), `listen`."""

    patience_s: float = 10.0

    @pytest.fixture
    def switch(self) -> Switch:
        raise NotImplementedError

    @pytest.fixture
    def machine(self) -> Callable[[str], str]:
        raise NotImplementedError

    @pytest.fixture
    def listen(self) -> str:
        raise NotImplementedError

    def fall_sick(self, name: str) -> None:
        raise NotImplementedError

    @pytest.fixture
    def route(self, machine: Callable[[str], str], listen: str) -> Route:
        """Two pools of two machines each; nobody has the traffic yet."""
        pools: dict[Slot, Pool] = {
            slot: Pool(
                fleet=f"town-web-r{number}",
                members=tuple(
                    Member(machine=f"town-web-r{number}-{i}", address=machine(f"town-web-r{number}-{i}"))
                    for i in range(2)
                ),
            )
            for number, slot in ((1, "A"), (2, "B"))
        }
        return Route(service=SERVICE, listen=listen, pools=pools, health=HEALTH)

    def seen(self, switch: Switch, good: Callable[[RouteView], bool]) -> RouteView:
        until = time.monotonic() + self.patience_s
        while not ((view := switch.read(SERVICE)) and good(view)):
            assert time.monotonic() < until, view
            time.sleep(0.02)
        return view

    def up(self, view: RouteView, slot: Slot) -> list[str]:
        return [m.machine for m in view.pools[slot].members if m.state is MemberState.UP]
