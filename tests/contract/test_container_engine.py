"""Real containers keep the contract."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.engine_contract import EngineContract, reveal
from tests.support.foundry import Foundry
from tests.support.layouts import container_engine, container_home, sealed_container

from stoneware.engines.container import ContainerEngine
from stoneware.host.home import Home
from stoneware.host.probe import ask
from stoneware.model.image import Artifact
from stoneware.model.machine import Machine
from stoneware.model.probe import Answer, HttpProbe

HEALTH = HttpProbe(port=80, path="/version")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with container_home(Path(tmp_path_factory.mktemp("containers"))) as home:
        yield home


@pytest.mark.host
class TestContainerEngine(EngineContract):
    patience_s = 30.0

    @pytest.fixture
    def engine(self, home: Home) -> ContainerEngine:
        return container_engine(home, reveal)

    @pytest.fixture
    def again(self, home: Home) -> Callable[[], ContainerEngine]:
        return lambda: container_engine(home, reveal)

    @pytest.fixture
    def artifact(self, foundry: Foundry) -> Artifact:
        return sealed_container(foundry)

    def kept(self, engine: ContainerEngine) -> Path:  # type: ignore[override]
        return engine.home.containers / "machines"

    def kill(self, engine: ContainerEngine, name: str) -> None:  # type: ignore[override]
        os.kill(engine.podman.containers([name])[name].pid, signal.SIGKILL)

    def damage(self, engine: ContainerEngine, snapshot: str) -> None:  # type: ignore[override]
        with (engine.home.containers / "snapshots" / f"{snapshot}.raw").open("r+b") as data:
            data.seek(1024)
            data.write(b"rotten")

    def ask(self, engine: ContainerEngine, machine: Machine) -> Answer:  # type: ignore[override]
        return ask(HEALTH, machine.addresses[80], 5.0)

    def store(self, machine: Machine, name: str) -> None:
        self.wait(lambda: self._request(machine, "POST", name).status == 201, "the world takes nobody in")

    def stored(self, machine: Machine) -> str | None:
        self.wait(lambda: self._request(machine, "GET").status == 200, "the world doesn't answer")
        return self._request(machine, "GET").read().decode().strip()

    def _request(self, machine: Machine, method: str, body: str | None = None) -> http.client.HTTPResponse:
        host, _, port = machine.addresses[80].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.request(method, "/critters", body=body)
        return connection.getresponse()
