"""Real virtual machines keep the contract."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.engine_contract import SECRET, VALUE, EngineContract, reveal
from tests.support.foundry import Foundry

from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.host.home import Home
from stoneware.host.probe import ask
from stoneware.model.image import Artifact
from stoneware.model.machine import Machine
from stoneware.model.probe import Answer, HttpProbe

HEALTH = HttpProbe(port=80, path="/version")


@pytest.fixture(scope="module")
def home(foundry: Foundry, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of its own that has the foundry's image."""
    home = Home(Path(tmp_path_factory.mktemp("qemu")))
    home.prepare()
    artifact = foundry.version_1
    (home.images / artifact.folder.name).symlink_to(artifact.folder)
    return home


@pytest.mark.vm
class TestQemuEngine(EngineContract):
    patience_s = 90.0

    @pytest.fixture
    def engine(self, home: Home) -> QemuEngine:
        return QemuEngine(home, SystemClock(), reveal=reveal)

    @pytest.fixture
    def again(self, home: Home, engine: QemuEngine) -> Callable[[], QemuEngine]:
        def restarted() -> QemuEngine:
            engine.close()
            return QemuEngine(home, SystemClock(), reveal=reveal)

        return restarted

    @pytest.fixture
    def artifact(self, foundry: Foundry) -> Artifact:
        return foundry.version_1

    def kept(self, engine: QemuEngine) -> Path:  # type: ignore[override]
        return engine.home.machines

    def kill(self, engine: QemuEngine, name: str) -> None:  # type: ignore[override]
        os.kill(int((engine.home.machines / name / "qemu.pid").read_text()), signal.SIGKILL)

    def damage(self, engine: QemuEngine, snapshot: str) -> None:  # type: ignore[override]
        with (engine.home.disks / "snapshots" / f"{snapshot}.raw").open("r+b") as data:
            data.seek(1024)
            data.write(b"rotten")

    def ask(self, engine: QemuEngine, machine: Machine) -> Answer:  # type: ignore[override]
        return ask(HEALTH, machine.addresses[80], 5.0)

    def test_services_find_secrets_in_memory_that_nobody_can_change(
        self, engine: QemuEngine, artifact: Artifact
    ) -> None:
        wanted = self.wanted(artifact).model_copy(update={"secrets": {"DB_PASSWORD": SECRET}, "agent": True})
        self.start(engine, wanted, artifact)

        def told(*argv: str) -> str:
            return engine.run_inside(wanted.name, argv, 60.0).output.strip()

        assert told("cat", "/run/secrets/DB_PASSWORD") == VALUE.decode()
        assert told("stat", "-c", "%n %a %u:%g", "/run/secrets", "/run/secrets/DB_PASSWORD").split("\n") == [
            "/run/secrets 755 0:0",
            "/run/secrets/DB_PASSWORD 400 0:0",
        ]
        [mounted] = told("grep", " /run/secrets ", "/proc/mounts").split("\n")
        assert mounted.split()[2] == "tmpfs"
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(mounted.split()[3].split(","))
        words = (
            Path("/proc") / (engine.home.machines / wanted.name / "qemu.pid").read_text().strip() / "cmdline"
        ).read_bytes()
        assert b"/proc/self/fd/" in words
        assert VALUE not in words

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
