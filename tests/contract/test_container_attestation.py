"""Real containers prove what they run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.attestation_contract import AttestationContract, serve, until, wanted
from tests.support.foundry import Foundry
from tests.support.layouts import container_engine, container_home, sealed_container

from stoneware.engines.container import ContainerEngine, proof
from stoneware.engines.container.podman import Container
from stoneware.model.machine import WantedMachine


@pytest.fixture(scope="module")
def served(
    foundry: Foundry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ContainerEngine, WantedMachine]]:
    """A machine in a home of its own, with files that are no image's but its own."""
    artifact = sealed_container(foundry)
    with container_home(Path(tmp_path_factory.mktemp("attested"))) as home:
        (home.images / artifact.folder.name).symlink_to(artifact.folder)
        engine, machine = container_engine(home), wanted(artifact)
        serve(engine, machine, artifact, 60.0)
        yield engine, machine


@pytest.mark.host
class TestContainerAttestation(AttestationContract):
    @pytest.fixture(autouse=True)
    def _each_look_is_a_fresh_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proof, "GOOD_FOR_S", 0.0)

    @pytest.fixture
    def engine(self, served: tuple[ContainerEngine, WantedMachine]) -> ContainerEngine:
        return served[0]

    @pytest.fixture
    def machine(self, served: tuple[ContainerEngine, WantedMachine]) -> WantedMachine:
        return served[1]

    @pytest.fixture
    def container(self, engine: ContainerEngine, machine: WantedMachine) -> Container:
        return engine.podman.containers([machine.name])[machine.name]

    def test_a_file_that_was_changed_in_the_store_is_named_until_it_is_put_right(
        self, engine: ContainerEngine, machine: WantedMachine, container: Container
    ) -> None:
        assert engine.attest(machine.name).opened == ()
        file = next(found for folder in container.lower if (found := folder / "usr/sbin/nginx").exists())
        good = file.read_bytes()
        seen = file.stat()
        with file.open("r+b") as data:
            data.seek(len(good) // 2)
            data.write(bytes([good[len(good) // 2] ^ 1]))
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # whoever does this covers his tracks
        [sentence] = engine.attest(machine.name).opened
        assert "/usr/sbin/nginx was changed" in sentence
        file.write_bytes(good)
        assert engine.attest(machine.name).opened == ()

    def test_a_file_that_was_added_to_the_store_or_taken_away_is_named(
        self, engine: ContainerEngine, machine: WantedMachine, container: Container
    ) -> None:
        added, taken = container.lower[0] / "usr/sbin/evil", container.lower[0] / "etc/passwd"
        added.write_text("#!/bin/sh\n")
        taken.rename(taken.with_name("passwd.away"))
        sentences = engine.attest(machine.name).opened
        added.unlink()
        taken.with_name("passwd.away").rename(taken)
        assert {sentence.partition(": ")[2] for sentence in sentences} == {
            "/usr/sbin/evil was added",
            "/etc/passwd is missing",
            "/etc/passwd.away was added",
        }
        assert engine.attest(machine.name).opened == ()

    def test_what_was_put_over_the_image_from_outside_is_written(
        self, engine: ContainerEngine, machine: WantedMachine, container: Container
    ) -> None:
        (container.upper / "opt").mkdir()
        (container.upper / "opt" / "evil").write_text("")
        written = self.inside(engine.attest(machine.name)).written
        (container.upper / "opt" / "evil").unlink()
        (container.upper / "opt").rmdir()
        assert written == ("/opt/evil",)

    def test_what_was_mounted_from_outside_is_named(
        self, engine: ContainerEngine, machine: WantedMachine, container: Container
    ) -> None:
        enter = ["nsenter", "--mount", f"--target={container.pid}", "--"]
        subprocess.run([*enter, "mount", "-t", "tmpfs", "evil", "/srv"], check=True)
        mounted = self.inside(engine.attest(machine.name)).mounted
        subprocess.run([*enter, "umount", "/srv"], check=True)
        assert mounted == ("/srv",)

    @pytest.mark.parametrize("way", ["exec", "enter"])
    def test_whoever_came_in_is_a_session(
        self, engine: ContainerEngine, machine: WantedMachine, container: Container, way: str
    ) -> None:
        words = [str(word) for word in engine.podman.words("exec", machine.name, "sleep", "600")]
        if way == "enter":
            words = ["nsenter", "--mount", f"--target={container.pid}", "--", "sleep", "600"]
        visitor = subprocess.Popen(words, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **engine.podman.env()})
        try:
            until(lambda: self.inside(engine.attest(machine.name)).sessions == ("entered: /usr/bin/sleep",))
        finally:
            engine.podman.execute(
                machine.name, ["sh", "-c", "kill $(grep -lx sleep /proc/[0-9]*/comm | cut -d/ -f3)"], 30.0
            )
            visitor.kill()
            visitor.wait()
        until(lambda: self.inside(engine.attest(machine.name)).sessions == ())
