"""The switch in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.switch_contract import SwitchContract

from stoneware.traffic.fake import FakeSwitch


class TestFakeSwitch(SwitchContract):
    @pytest.fixture
    def switch(self) -> FakeSwitch:
        self.sick: set[str] = set()
        return FakeSwitch(lambda address: address not in self.sick)

    @pytest.fixture
    def machine(self) -> Callable[[str], str]:
        return lambda name: f"{name}:80"

    @pytest.fixture
    def listen(self) -> str:
        return "127.0.0.1:8080"

    def fall_sick(self, name: str) -> None:
        self.sick.add(f"{name}:80")
