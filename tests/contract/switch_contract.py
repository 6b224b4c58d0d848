"""What every traffic switch promises, as tests: whole pictures that are set and read back, an atomic change, a hold."""

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


class SwitchContract:
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

    def test_it_says_what_the_host_lacks(self, switch: Switch) -> None:
        assert all(finding.level == "ok" for finding in switch.check())

    def test_no_service_before_one_is_applied_and_none_after_it_is_removed(self, switch: Switch, route: Route) -> None:
        assert switch.read(SERVICE) is None
        switch.apply(route)
        assert switch.read(SERVICE) is not None
        switch.remove(SERVICE)
        switch.remove(SERVICE)
        assert switch.read(SERVICE) is None

    def test_a_picture_is_read_back_as_it_was_set(self, switch: Switch, route: Route) -> None:
        for active, held in ((None, False), ("A", False), ("A", True), ("B", True), ("B", False)):
            wanted = route.model_copy(update={"active": active, "held": held})
            switch.apply(wanted)
            switch.apply(wanted)
            view = self.seen(switch, lambda _: True)
            assert (view.active, view.held) == (active, held)
            assert {slot: pool.fleet for slot, pool in view.pools.items()} == {"A": "town-web-r1", "B": "town-web-r2"}

    def test_the_proxys_own_verdict_on_machines_is_told(self, switch: Switch, route: Route) -> None:
        switch.apply(route)
        self.seen(switch, lambda view: len(self.up(view, "A")) == 2 and len(self.up(view, "B")) == 2)
        self.fall_sick("town-web-r2-1")
        self.seen(switch, lambda view: self.up(view, "B") == ["town-web-r2-0"])

    def test_machines_come_and_go(self, switch: Switch, route: Route, machine: Callable[[str], str]) -> None:
        switch.apply(route.model_copy(update={"active": "A"}))
        more = Member(machine="town-web-r1-2", address=machine("town-web-r1-2"))
        grown = route.pools["A"].model_copy(update={"members": (*route.pools["A"].members[1:], more)})
        pools: dict[Slot, Pool] = {"A": grown}
        switch.apply(route.model_copy(update={"active": "A", "pools": pools}))
        view = self.seen(switch, lambda view: len(self.up(view, "A")) == 2)
        assert [m.machine for m in view.pools["A"].members] == ["town-web-r1-1", "town-web-r1-2"]
        assert list(view.pools) == ["A"]

    def test_open_requests_are_counted_by_fleet(self, switch: Switch, route: Route) -> None:
        switch.apply(route.model_copy(update={"active": "A"}))
        assert switch.open_requests(SERVICE, "town-web-r1") == 0
        assert switch.open_requests(SERVICE, "nobody") == 0
        assert switch.open_requests("town.other", "town-web-r1") == 0
