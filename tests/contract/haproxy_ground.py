"""What tests of a real HAProxy stand on: its folder, machines that answer, an address of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.switch_ground import SERVICE, SwitchGround
from tests.support.backends import Backend
from tests.support.clients import free_address

from stoneware.host.home import Home
from stoneware.model.route import MemberView, Route
from stoneware.traffic.haproxy import HaproxySwitch


class HaproxyGround(SwitchGround):
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

    def members(self, switch: HaproxySwitch) -> tuple[MemberView, ...]:
        view = switch.read(SERVICE)
        assert view is not None
        return view.pools["A"].members
