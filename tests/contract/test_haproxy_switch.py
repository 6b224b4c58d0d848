"""HAProxy keeps the contract, and does what only a real proxy can: requests under load see one version, and none fails."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.switch_contract import SERVICE, SwitchContract
from tests.support.backends import Backend

from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.route import Pool, Route
from stoneware.traffic.haproxy import HaproxySwitch


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.host
class TestHaproxySwitch(SwitchContract):
    @pytest.fixture
    def switch(self, tmp_path: Path) -> Iterator[HaproxySwitch]:
        home = Home(tmp_path / "home")
        home.prepare()
        switch = HaproxySwitch(home)
        yield switch
        switch.remove(SERVICE)

    @pytest.fixture
    def machine(self) -> Iterator[Callable[[str], str]]:
        self.backends: dict[str, Backend] = {}

        def make(name: str) -> str:
            self.backends[name] = Backend(name)
            return self.backends[name].address

        yield make
        for backend in self.backends.values():
            backend.close()

    @pytest.fixture
    def listen(self) -> str:
        return free_address()

    def fall_sick(self, name: str) -> None:
        self.backends[name].healthy = False

    def ready(self, switch: HaproxySwitch, route: Route, active: str | None = "A") -> Route:
        wanted = route.model_copy(update={"active": active})
        switch.apply(wanted)
        self.seen(switch, lambda view: len(self.up(view, "A")) == 2 and len(self.up(view, "B")) == 2)
        return wanted

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
        until = time.monotonic() + 5
        while not switch.revive():
            assert time.monotonic() < until
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


def get(address: str) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class Clients:
    """A few clients that ask all the while, on connections that they keep."""

    def __init__(self, address: str, threads: int = 4) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.count, self.failures, self.stale = 0, [], []  # type: tuple[int, list[str], list[str]]
        self._expected = ("", 0.0)
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(25)

    def after_switch(self, fleet: str) -> None:
        """From now on, whoever is asked must be of this fleet."""
        with self._lock:
            self._expected = (fleet, time.monotonic())

    def wait_for(self, more: int) -> None:
        """Until so many more answers have come."""
        wanted, until = self.count + more, time.monotonic() + 20
        while self.count < wanted and time.monotonic() < until and not self.failures:
            time.sleep(0.005)
        assert self.count >= wanted or self.failures, "too few answers"

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        while not self._over.is_set():
            sent = time.monotonic()
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                body = response.read().decode()
            except (OSError, http.client.HTTPException) as broken:
                self.failures.append(repr(broken))
                return
            with self._lock:
                self.count += 1
                fleet, since = self._expected
                if response.status != 200:
                    self.failures.append(f"HTTP {response.status} {body}")
                if fleet and sent > since and not body.startswith(fleet):
                    self.stale.append(body)
        connection.close()
