"""Real virtual machines prove what they run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.attestation_contract import AttestationContract, serve, until, wanted
from tests.support.foundry import Foundry

from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.machine import WantedMachine

STEP = 2**18


@pytest.fixture(scope="module")
def served(
    foundry: Foundry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[QemuEngine, WantedMachine, Artifact]]:
    """A machine that serves, from files that are no other's: they will be damaged."""
    artifact = foundry.version_1
    home = Home(Path(tmp_path_factory.mktemp("attested")))
    home.prepare()
    shutil.copytree(artifact.folder, home.images / artifact.folder.name)
    engine, machine = QemuEngine(home, SystemClock()), wanted(artifact)
    try:
        serve(engine, machine, artifact, 120.0)
        yield engine, machine, engine.images.load(machine.digest)
    finally:
        engine.delete_machine(machine.name)
        engine.close()
        shutil.rmtree(home.root)


@pytest.mark.vm
class TestQemuAttestation(AttestationContract):
    @pytest.fixture
    def engine(self, served: tuple[QemuEngine, WantedMachine, Artifact]) -> QemuEngine:
        return served[0]

    @pytest.fixture
    def machine(self, served: tuple[QemuEngine, WantedMachine, Artifact]) -> WantedMachine:
        return served[1]

    @pytest.fixture
    def artifact(self, served: tuple[QemuEngine, WantedMachine, Artifact]) -> Artifact:
        return served[2]

    def test_the_kernel_enforces_the_root_hashes_of_the_image(
        self, engine: QemuEngine, machine: WantedMachine, artifact: Artifact
    ) -> None:
        layers = self.inside(engine.attest(machine.name)).layers
        assert [(layer.root_hash, layer.corrupted) for layer in layers] == [
            (verity.root_hash, False) for verity in artifact.manifest.layers
        ]

    def test_a_layer_that_was_replaced_under_its_process_is_named(
        self, engine: QemuEngine, machine: WantedMachine, artifact: Artifact
    ) -> None:
        file = artifact.file("layer-1")
        kept, fresh = file.with_name(".kept"), file.with_name(".fresh")
        os.link(file, kept)
        shutil.copy(file, fresh)
        fresh.replace(file)
        opened = engine.attest(machine.name).opened
        kept.replace(file)
        assert opened == ("layer-1.img of its image isn't what it has open: the file was replaced or deleted under it",)
        assert engine.attest(machine.name).opened == ()

    def test_what_was_mounted_and_what_was_changed_in_memory_is_named(
        self, engine: QemuEngine, machine: WantedMachine
    ) -> None:
        script = (
            "mount -t tmpfs evil /srv && cp /run/stoneware/hosts /run/h && echo 10.0.0.1 bank >>/run/stoneware/hosts"
        )
        assert engine.run_inside(machine.name, ["sh", "-c", script], 30.0).status == 0
        inside = self.inside(engine.attest(machine.name))
        assert (inside.mounted, inside.written) == (("/srv",), ("/etc/hosts",))
        engine.run_inside(machine.name, ["sh", "-c", "umount /srv; cat /run/h >/run/stoneware/hosts"], 30.0)
        inside = self.inside(engine.attest(machine.name))
        assert (inside.mounted, inside.written) == ((), ())

    def test_a_terminal_is_a_session(self, engine: QemuEngine, machine: WantedMachine) -> None:
        script = 'python3 -c \'import pty; pty.spawn(["sleep", "600"])\' >/dev/null 2>&1 &'
        engine.run_inside(machine.name, ["sh", "-c", script], 30.0)
        until(lambda: self.inside(engine.attest(machine.name)).sessions == ("pts/0",))
        engine.run_inside(machine.name, ["sh", "-c", "kill $(grep -lx sleep /proc/[0-9]*/comm | cut -d/ -f3)"], 30.0)
        until(lambda: self.inside(engine.attest(machine.name)).sessions == ())

    def test_flipped_bytes_are_found_by_the_host_at_once_and_by_the_kernel_when_it_reads_them(
        self, engine: QemuEngine, machine: WantedMachine, artifact: Artifact
    ) -> None:
        file = artifact.file("layer-1")
        file.chmod(0o600)
        good = file.read_bytes()
        end = artifact.manifest.layers[1].data_blocks * 4096
        with file.open("r+b") as data:
            for place in range(end // 4, end, STEP):
                data.seek(place)
                data.write(bytes([good[place] ^ 1]))
        assert engine.attest(machine.name).opened == ("layer-1.img of its image was changed on this host",)
        engine.run_inside(machine.name, ["sh", "-c", "cat /usr/lib/python3.11/[a-m]*.py >/dev/null"], 60.0)
        layers = self.inside(engine.attest(machine.name)).layers
        assert [layer.corrupted for layer in layers] == [number == 1 for number in range(len(layers))]
