"""HAProxy keeps the contract, and does what only a real proxy can: requests under load see one version, and none fails."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.contract.haproxy_ground import HaproxyGround
from tests.contract.switch_contract import SwitchContract
from tests.contract.switch_ground import SERVICE
from tests.support.backends import DRIPS
from tests.support.clients import Clients, Person, free_address, get

from stoneware.errors import Refused, Unreachable
from stoneware.model.probe import HttpProbe
from stoneware.model.route import MemberState, Pool, Route
from stoneware.traffic.haproxy import HaproxySwitch


@pytest.mark.host
class TestHaproxySwitch(HaproxyGround, SwitchContract):
    def test_a_switch_under_load_fails_nothing_and_mixes_nothing(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        with Clients(route.listen) as clients:
            clients.wait_for(200)
            for active in ("B", "A", "B"):
                switch.apply(wanted.model_copy(update={"active": active}))
                clients.after_switch("town-web-r2" if active == "B" else "town-web-r1")
                clients.wait_for(200)
        assert clients.failures == []
        assert clients.stale == []

    def test_a_share_is_a_share(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        switch.apply(wanted.model_copy(update={"shares": {"B": 30}}))
        seen = [get(route.listen)[1].rpartition("-")[0] for _ in range(600)]
        assert 120 < seen.count("town-web-r2") < 240, "about 180 of 600"
        switch.apply(wanted)
        assert {get(route.listen)[1].rpartition("-")[0] for _ in range(50)} == {"town-web-r1"}

    def test_a_client_stays_with_the_version_that_it_met(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route).model_copy(update={"sticky": True, "shares": {"B": 50}})
        switch.apply(wanted)
        people = [Person(route.listen) for _ in range(20)]
        met = [person.ask() for person in people]
        assert set(met) == {"town-web-r1", "town-web-r2"}
        for share in (10, 90):
            switch.apply(wanted.model_copy(update={"shares": {"B": share}}))
            assert [person.ask() for person in people] == met
        view = switch.read(SERVICE)
        assert view is not None
        assert view.pools["A"].sessions == met.count("town-web-r1")
        switch.apply(wanted.model_copy(update={"active": "B", "shares": {}, "staying": ("A",)}))
        assert [person.ask() for person in people] == met, "those who began on the old version finish there"
        assert Person(route.listen).ask() == "town-web-r2"
        switch.apply(wanted.model_copy(update={"active": "B", "shares": {}}))
        assert {person.ask() for person in people} == {"town-web-r2"}
        assert Person(route.listen, "stoneware.town.play=active~x").ask() == "town-web-r2"

    def test_a_client_whose_version_is_down_is_answered_by_the_other(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route).model_copy(update={"sticky": True, "staying": ("B",)})
        switch.apply(wanted)
        person = Person(route.listen, "stoneware.town.play=town-web-r2~x")
        assert person.ask() == "town-web-r2"
        for name in ("town-web-r2-0", "town-web-r2-1"):
            self.fall_sick(name)
        self.seen(switch, lambda view: {m.state for m in view.pools["B"].members} == {MemberState.DOWN})
        assert person.ask() == "town-web-r1"

    def test_a_machine_that_drains_gets_nothing_new(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        first = route.pools["A"].members[0].model_copy(update={"draining": True})
        pool = route.pools["A"].model_copy(update={"members": (first, *route.pools["A"].members[1:])})
        switch.apply(wanted.model_copy(update={"pools": {**route.pools, "A": pool}}))
        assert {get(route.listen)[1].strip() for _ in range(30)} == {"town-web-r1-1"}

    def test_every_service_is_listed(self, switch: HaproxySwitch, route: Route) -> None:
        assert switch.services() == []
        self.ready(switch, route)
        assert switch.services() == [SERVICE]
        (switch.path / SERVICE / "route.json").unlink()
        assert switch.services() == [SERVICE], "its proxy runs on"

    def test_answers_failures_and_times_are_counted(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        switch.apply(wanted.model_copy(update={"active": "B"}))
        for _ in range(40):
            get(route.listen)
        self.backends["town-web-r2-0"].status = 500
        self.backends["town-web-r2-1"].status = 500
        failures = [get(route.listen)[0] for _ in range(2)]
        assert failures == [500, 500]
        counted = switch.counters(SERVICE)
        both = counted["town-web-r2-0"].plus(counted["town-web-r2-1"])
        assert (both.answers, both.failed, both.timed) == (42, 2, 42)
        assert 0 < (both.quantile_s(0.5) or 0) < 1
        assert counted["town-web-r1-0"].answers == 0

    def test_long_connections_live_on_the_old_side_until_it_goes(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        host, _, port = route.listen.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as echo:
            echo.sendall(b"GET /echo HTTP/1.1\r\nHost: town\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            lines = echo.makefile("rb")
            while lines.readline().strip():
                pass
            download = http.client.HTTPConnection(host, int(port), timeout=20)
            download.request("GET", "/drip")
            answer = download.getresponse()
            switch.apply(wanted.model_copy(update={"active": "B"}))
            assert get(route.listen)[1].startswith("town-web-r2")
            assert switch.open_requests(SERVICE, "town-web-r1") == 2
            echo.sendall(b"still there?\n")
            assert lines.readline().startswith(b"town-web-r1-")
            assert len(answer.read()) == DRIPS
            assert switch.open_requests(SERVICE, "town-web-r1") == 1
            pools = {"B": route.pools["B"]}
            switch.apply(wanted.model_copy(update={"active": "B", "pools": pools}))
            assert lines.readline() == b"", "its machine is gone, and so is the connection"

    def test_long_connections_live_on_in_a_proxy_that_was_replaced_and_a_switch_does_not_wait_for_them(
        self, switch: HaproxySwitch, route: Route
    ) -> None:
        wanted = self.ready(switch, route.model_copy(update={"finish_s": 14.0}))
        host, _, port = route.listen.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as echo:
            echo.sendall(b"GET /echo HTTP/1.1\r\nHost: town\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            lines = echo.makefile("rb")
            while lines.readline().strip():
                pass
            checked = wanted.model_copy(update={"health": route.health.model_copy(update={"timeout": 4.0})})
            switch.apply(checked)
            replaced = time.monotonic()
            with pytest.raises(Unreachable, match="may still get requests"):
                switch.apply(checked.model_copy(update={"active": "B"}))
            self.seen(switch, lambda view: len(self.up(view, "B")) == 2)
            while time.monotonic() < replaced + 11:
                echo.sendall(b"still there?\n")
                assert lines.readline().startswith(b"town-web-r1-")
                time.sleep(0.2)
            switch.apply(checked.model_copy(update={"active": "B"}))
            assert get(route.listen)[1].startswith("town-web-r2")
            assert lines.readline() == b"", "its time is over"
            assert 13 < time.monotonic() - replaced < 18

    def test_held_requests_wait_and_are_answered_by_the_new_side(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        with Clients(route.listen) as clients:
            clients.wait_for(50)
            switch.apply(wanted.model_copy(update={"held": True}))
            before = self.settled(clients)
            assert clients.count == before, "a held request was answered"
            switch.apply(wanted.model_copy(update={"held": True, "active": "B"}))
            assert clients.count == before, "a held request was answered"
            switch.apply(wanted.model_copy(update={"active": "B"}))
            clients.after_switch("town-web-r2")
            clients.wait_for(50)
        assert clients.failures == []
        assert clients.stale == []

    def test_held_requests_are_answered_by_the_old_side_when_the_new_one_is_given_up(
        self, switch: HaproxySwitch, route: Route
    ) -> None:
        """The new version was checked otherwise, and its clients remembered for longer. What is held waits in one process: a
        way back that replaced it would leave them there until it is ended."""
        wanted = self.ready(switch, route)
        old = wanted.model_copy(update={"pools": {"A": route.pools["A"].model_copy(update={"health": route.health})}})
        switch.apply(old)
        health = route.health.model_copy(update={"timeout": 4.0, "deadline": 7.0})
        pools = {**old.pools, "B": route.pools["B"].model_copy(update={"health": health})}
        new = {"pools": pools, "health": health, "session_idle_s": 900.0}
        switch.apply(old.model_copy(update={**new, "held": True}))
        answers: list[tuple[int, str]] = []
        waiting = [threading.Thread(target=lambda: answers.append(get(route.listen)), daemon=True) for _ in range(4)]
        for thread in waiting:
            thread.start()
        time.sleep(0.5)
        for back in ({"pools": pools, "held": True}, {"held": True}, {}, {"held": False}):
            switch.apply(old.model_copy(update=back))
        for thread in waiting:
            thread.join(15)
        assert [(status, body.rpartition("-")[0]) for status, body in answers] == [(200, "town-web-r1")] * 4
        assert switch.read(SERVICE).strange == ()  # type: ignore[union-attr]

    def test_a_slot_that_was_empty_is_checked_as_its_new_machines_want_it(
        self, switch: HaproxySwitch, route: Route
    ) -> None:
        """However often it was said of the empty slot before: what counts is what the running proxy was started with."""
        wanted = self.ready(switch, route)
        switch.apply(wanted.model_copy(update={"pools": {"A": route.pools["A"]}}))
        gone = route.health.model_copy(update={"http": HttpProbe(port=80, path="/healthz", status=204)})
        own = {"A": route.pools["A"].model_copy(update={"health": route.health})}
        switch.apply(wanted.model_copy(update={"pools": own, "health": gone}))
        switch.apply(wanted.model_copy(update={"pools": {**own, "B": route.pools["B"]}, "health": gone}))
        self.seen(switch, lambda view: {m.state for m in view.pools["B"].members} == {MemberState.DOWN})
        self.seen(switch, lambda view: len(self.up(view, "A")) == 2)

    def settled(self, clients: Clients) -> int:
        """How many answers there are when none has come for a while."""
        last, since = clients.count, time.monotonic()
        while time.monotonic() - since < 0.5:
            if clients.count != last:
                last, since = clients.count, time.monotonic()
            time.sleep(0.01)
        return last

    def test_a_hold_has_an_end(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        switch.apply(wanted.model_copy(update={"held": True, "hold_limit_s": 0.3}))
        began = time.monotonic()
        status, body = get(route.listen)
        assert (status, body.strip()) == (503, "held for too long")
        assert 0.25 < time.monotonic() - began < 5

    def test_a_service_without_a_release_says_so(self, switch: HaproxySwitch, route: Route) -> None:
        self.ready(switch, route, active=None)
        assert get(route.listen) == (503, "no release yet\n")

    def test_a_machine_that_dies_costs_no_request(self, switch: HaproxySwitch, route: Route) -> None:
        self.ready(switch, route)
        with Clients(route.listen) as clients:
            clients.wait_for(50)
            self.backends["town-web-r1-0"].close()
            clients.wait_for(200)
        assert clients.failures == []

    def test_a_proxy_that_was_killed_comes_back_as_it_was(self, switch: HaproxySwitch, route: Route) -> None:
        self.ready(switch, route, active="B")
        [process] = [p for p in Path("/proc").iterdir() if self.is_proxy(p, switch)]
        os.kill(int(process.name), signal.SIGKILL)
        until, told = time.monotonic() + 5, list[str]()
        while not switch.revive(told.append):
            assert time.monotonic() < until
        assert told == [SERVICE]
        view = self.seen(switch, lambda view: len(self.up(view, "B")) == 2)
        assert (view.active, view.held) == ("B", False)
        assert get(route.listen)[1].startswith("town-web-r2")

    def is_proxy(self, process: Path, switch: HaproxySwitch) -> bool:
        try:
            return process.joinpath("cwd").readlink() == switch.path / SERVICE
        except OSError:
            return False

    def test_an_address_in_use_is_refused_and_nothing_is_left(self, switch: HaproxySwitch, route: Route) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            with pytest.raises(Refused, match=taken):
                switch.apply(route.model_copy(update={"listen": taken}))
        assert switch.read(SERVICE) is None

    def test_another_address_is_taken_without_losing_the_service(self, switch: HaproxySwitch, route: Route) -> None:
        wanted = self.ready(switch, route)
        moved = wanted.model_copy(update={"listen": free_address()})
        switch.apply(moved)
        self.seen(switch, lambda view: len(self.up(view, "A")) == 2)
        assert get(moved.listen)[0] == 200

    def test_a_path_that_would_write_configuration_is_refused(self, switch: HaproxySwitch, route: Route) -> None:
        member = route.pools["A"].members[0].model_copy(update={"machine": "a\n    server evil 127.0.0.1:1"})
        pools = {"A": Pool(fleet="f", members=(member,))}
        with pytest.raises(Refused, match="can't be a name"):
            switch.apply(route.model_copy(update={"pools": pools}))
