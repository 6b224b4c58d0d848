"""Whatever somebody does to a running HAProxy by hand is told, and mended when its route is set again."""

from __future__ import annotations

import pytest
from tests.contract.haproxy_ground import HaproxyGround
from tests.contract.switch_ground import SERVICE
from tests.support.clients import Person, free_address

from stoneware.model.route import Pool, Route
from stoneware.traffic.haproxy import HaproxySwitch
from stoneware.traffic.haproxy.process import Proxy


@pytest.mark.host
class TestMeddledWith(HaproxyGround):
    def test_a_machine_that_was_taken_out_by_hand_is_back_when_the_route_is_set_again(
        self, switch: HaproxySwitch, route: Route
    ) -> None:
        wanted = self.ready(switch, route)
        Proxy(switch.path / SERVICE).command("set server A/town-web-r1-0 state maint")
        assert len(self.members(switch)) == 1
        switch.apply(wanted)
        assert len(self.members(switch)) == 2

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("set map state.map active B", "active of its map is B, not A"),
            ("set map state.map held 1", "held of its map is 1, not 0"),
            ("set map state.map first_below 50", "first_below of its map is 50, not 0"),
            ("del map state.map second_below", "second_below of its map is not there, not 0"),
        ],
    )
    def test_who_gets_the_requests_is_what_it_was_told_last(
        self, switch: HaproxySwitch, route: Route, command: str, told: str
    ) -> None:
        wanted = self.ready(switch, route)
        assert switch.read(SERVICE).untold == ()  # type: ignore[union-attr]
        Proxy(switch.path / SERVICE).command(command)
        view = switch.read(SERVICE)
        assert view is not None
        assert (view.untold, view.strange) == ((told,), ())
        switch.apply(wanted)
        assert switch.read(SERVICE).untold == ()  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("commands", "told"),
        [
            ("set map state.map label_A evil", "label_A of its map is evil, not town-web-r1"),
            ("add map state.map client:evil A", "client:evil of its map is A, not there"),
            ("del map state.map hold_limit_ms", "hold_limit_ms of its map is not there, not 60000"),
            ("set server A/town-web-r1-0 weight 0", "town-web-r1-0 has weight 0, not 1"),
            ("disable health A/town-web-r1-0", "town-web-r1-0 isn't checked"),
            ("set server A/town-web-r1-0 check-port 81", "town-web-r1-0 has check port 81, and should have none"),
            (
                "set server A/town-web-r1-0 check-addr 127.0.0.2",
                "town-web-r1-0 has check addr 127.0.0.2, and should have none",
            ),
            ("disable frontend service", "its entry is PAUSED"),
            ("shutdown frontend service", "its entry is STOP"),
            ("set maxconn frontend service 1", "its entry takes 1 connections at once, not 4000"),
            ("set maxconn global 5", "its Maxconn is 5, not 4000"),
            ("set rate-limit connections global 1", "its ConnRateLimit is 1, not 0"),
            ("set rate-limit sessions global 1", "its SessRateLimit is 1, not 0"),
            ("set rate-limit http-compression global 1", "its CompressBpsRateLim is 1024, not 0"),
            ("expert-mode on;debug dev log mine", "its expert commands were used"),
            ("add acl #4 A", "its rules ask something else than when it started"),
            ("del acl #4 none", "its rules ask something else than when it started"),
            ("add server C/evil 127.0.0.1:1", "evil stands in C, where no pool is"),
            ("add server times/evil 127.0.0.1:1", "evil stands in times, where no pool is"),
        ],
    )
    def test_what_somebody_told_it_by_hand_is_told_and_mended(
        self, switch: HaproxySwitch, route: Route, commands: str, told: str
    ) -> None:
        wanted = self.ready(switch, route)
        assert switch.read(SERVICE).strange == ()  # type: ignore[union-attr]
        Proxy(switch.path / SERVICE).command(commands)
        assert told in switch.read(SERVICE).strange  # type: ignore[union-attr]
        switch.apply(wanted)
        self.seen(switch, lambda view: view.strange == ())
        assert Person(route.listen).ask() == "town-web-r1"

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ("check rise 2 fall 3 backup", "backup 1, and should have none"),
            ("check rise 2 fall 3 maxconn 1", "most connections 1, and should have none"),
            ("check rise 2 fall 3 maxqueue 1", "most that wait 1, and should have none"),
            ("check rise 2 fall 3 weight 7", "weight at first 7, not 1"),
            ("check rise 2 fall 3 port 81", "check port 81, and should have none"),
            ("check rise 2 fall 3 addr 127.0.0.2", "check addr 127.0.0.2, and should have none"),
            ("check rise 9 fall 3", "check rise 9, not 2"),
            ("check rise 2 fall 9", "check fall 9, not 3"),
            ("track A/town-web-r1-1", "checks of A/town-web-r1-1, and should have none"),
        ],
    )
    def test_a_machine_that_somebody_added_again_with_other_options_is_told_and_mended(
        self, switch: HaproxySwitch, route: Route, options: str, told: str
    ) -> None:
        wanted, server = self.ready(switch, route), "A/town-web-r1-0"
        address = route.pools["A"].members[0].address
        Proxy(switch.path / SERVICE).command(
            f"set server {server} state maint",
            f"del server {server}",
            f"add server {server} {address} {options}",
            f"enable server {server}",
            f"enable health {server}",
        )
        assert f"town-web-r1-0 has {told}" in switch.read(SERVICE).strange  # type: ignore[union-attr]
        switch.apply(wanted)
        self.seen(switch, lambda view: view.strange == () and len(self.up(view, "A")) == 2)

    def test_a_proxy_that_nobody_meddled_with_stays_the_same_process(self, switch: HaproxySwitch, route: Route) -> None:
        wanted, proxy = self.ready(switch, route), Proxy(switch.path / SERVICE)
        first = proxy.processes().serving
        member = route.pools["A"].members[0]
        drained = Pool(fleet="town-web-r1", members=(member.model_copy(update={"draining": True}),))
        for pools in (route.pools, {"A": drained}, route.pools, {"B": route.pools["B"]}, route.pools):
            changed = wanted.model_copy(update={"pools": pools, "active": "B" if "B" in pools else "A"})
            switch.apply(changed)
            assert switch.read(SERVICE).strange == ()  # type: ignore[union-attr]
        self.fall_sick("town-web-r2-0")
        self.seen(switch, lambda view: len(self.up(view, "B")) == 1)
        switch.apply(changed)
        assert switch.read(SERVICE).strange == ()  # type: ignore[union-attr]
        assert proxy.processes().serving == first

    @pytest.mark.parametrize("name", ["haproxy.cfg", "state.map", "hold.lua"])
    def test_files_that_somebody_wrote_to_are_told_and_mended(
        self, switch: HaproxySwitch, route: Route, name: str
    ) -> None:
        wanted = self.ready(switch, route)
        with (switch.path / SERVICE / name).open("a") as file:
            file.write("# mine\n")
        assert switch.read(SERVICE).strange == (f"its {name} was changed on this host",)  # type: ignore[union-attr]
        switch.apply(wanted)
        assert switch.read(SERVICE).strange == ()  # type: ignore[union-attr]

    def test_a_proxy_that_listens_elsewhere_too_is_told_and_started_anew(
        self, switch: HaproxySwitch, route: Route
    ) -> None:
        wanted, more = self.ready(switch, route), free_address()
        folder = switch.path / SERVICE
        configuration = (folder / "haproxy.cfg").read_text()
        (folder / "haproxy.cfg").write_text(configuration.replace("    bind ", f"    bind {more}\n    bind ", 1))
        Proxy(folder).start(route.listen)
        (folder / "haproxy.cfg").write_text(configuration)
        port = more.rpartition(":")[2]
        self.seen(switch, lambda view: view.strange == (f"it listens at port {port}, too",))
        switch.apply(wanted)
        self.seen(switch, lambda view: view.strange == ())
