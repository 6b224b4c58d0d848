"""What every traffic switch promises, as tests: whole pictures that are set and read back, an atomic change, a hold."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.switch_ground import SERVICE, SwitchGround

from stoneware.model.route import Member, Pool, Route, Slot
from stoneware.traffic.switch import Switch


class SwitchContract(SwitchGround):
    """Fixtures to be given by a subclass, as `SwitchGround` says."""

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

    def test_shares_and_clients_that_stay_are_read_back(self, switch: Switch, route: Route) -> None:
        third = Pool(fleet="town-web-base-r2", members=route.pools["A"].members[:1])
        pools: dict[Slot, Pool] = {**route.pools, "C": third}
        pictures: tuple[tuple[dict[Slot, int], tuple[Slot, ...]], ...] = (
            ({}, ()),
            ({"B": 10, "C": 5}, ()),
            ({"B": 50}, ("C",)),
            ({}, ("B",)),
        )
        for shares, staying in pictures:
            changes = {"active": "A", "shares": shares, "staying": staying, "sticky": True, "pools": pools}
            switch.apply(route.model_copy(update=changes))
            view = self.seen(switch, lambda _: True)
            assert (view.active, view.shares, view.staying) == ("A", shares, staying)
            assert view.share_of("A") == 100 - sum(shares.values())

    def test_a_machine_that_drains_stays_and_comes_back(self, switch: Switch, route: Route) -> None:
        for draining in (True, False, True):
            first = route.pools["A"].members[0].model_copy(update={"draining": draining})
            pool = route.pools["A"].model_copy(update={"members": (first, *route.pools["A"].members[1:])})
            switch.apply(route.model_copy(update={"active": "A", "pools": {"A": pool}}))
            view = self.seen(switch, lambda view: len(self.up(view, "A")) == 2)
            assert [m.draining for m in view.pools["A"].members] == [draining, False]

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

    def test_every_machine_behind_a_service_is_counted(self, switch: Switch, route: Route) -> None:
        switch.apply(route.model_copy(update={"active": "A"}))
        names = {m.machine for pool in route.pools.values() for m in pool.members}
        assert {name: one.answers for name, one in switch.counters(SERVICE).items()} == dict.fromkeys(names, 0)
        assert switch.counters("town.other") == {}
