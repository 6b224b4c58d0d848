"""What every engine promises of attestation, as tests. A subclass brings an engine and a machine that all of its tests share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import pytest

from stoneware.engines.engine import Attestation, Engine
from stoneware.errors import NotFound, Refused, Unreachable
from stoneware.model.evidence import Evidence, Inside
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase, WantedMachine

OWNER = "town"
LISTENER = "import socket, time; s = socket.socket(); s.bind(('0.0.0.0', {port})); s.listen(); time.sleep(600)"


def wanted(artifact: Artifact, name: str = "town-web-r1-0") -> WantedMachine:
    """A machine with a way to run commands in it, as whoever tampers has."""
    return WantedMachine(
        name=name,
        owner=OWNER,
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=256 * 2**20,
        ports=(80,),
        agent=True,
    )


def serve(engine: Attested, machine: WantedMachine, artifact: Artifact, patience_s: float) -> None:
    """Makes the machine and waits until it serves."""
    engine.publish_image(artifact)
    engine.create_machine(machine)
    until(lambda: engine.list_machines(OWNER)[0].phase is Phase.SERVING, patience_s)


def until(look: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Waits for something that comes by itself."""
    begun = time.monotonic()
    while not look():
        assert time.monotonic() - begun < patience_s, "it never came"
        time.sleep(0.1)


class Attested(Engine, Attestation, Protocol):
    """An engine that can."""


class AttestationContract:
    """`engine` and `machine` are to be given by a subclass; the machine serves already, and its tests leave it as it was, but for
    what runs in it."""

    @pytest.fixture
    def engine(self) -> Attested:
        raise NotImplementedError

    @pytest.fixture
    def machine(self) -> WantedMachine:
        raise NotImplementedError

    def inside(self, evidence: Evidence) -> Inside:
        assert evidence.inside is not None, evidence.silence
        return evidence.inside

    def test_a_healthy_machine_is_what_it_was_made_from(self, engine: Attested, machine: WantedMachine) -> None:
        evidence, again = engine.attest(machine.name), engine.attest(machine.name)
        assert (evidence.machine, evidence.digest) == (machine.name, machine.digest)
        assert (evidence.cpus, evidence.memory_bytes) == (machine.cpus, machine.memory_bytes)
        assert (evidence.opened, evidence.silence) == ((), "")
        inside = self.inside(evidence)
        assert (inside.written, inside.mounted, inside.sessions, inside.complete) == ((), (), (), True)
        assert inside.listening == ("tcp/80",)
        assert {"nginx.service", "critter.service"} <= set(inside.units)
        assert {"/usr/sbin/nginx", "/usr/lib/systemd/systemd"} <= set(inside.programs)
        assert again.run == evidence.run
        assert 0 < evidence.seconds < 30

    def test_a_machine_that_nobody_made_is_not_found(self, engine: Attested) -> None:
        with pytest.raises(NotFound):
            engine.attest("nobody")

    def test_a_port_that_was_opened_and_its_program_are_seen(self, engine: Attested, machine: WantedMachine) -> None:
        source = LISTENER.format(port=4444)
        engine.run_inside(machine.name, ["sh", "-c", f'python3 -c "{source}" >/dev/null 2>&1 </dev/null &'], 30.0)
        until(lambda: "tcp/4444" in self.inside(engine.attest(machine.name)).listening)
        engine.run_inside(machine.name, ["sh", "-c", "kill $(grep -l 4444 /proc/[0-9]*/cmdline | cut -d/ -f3)"], 30.0)
        until(lambda: self.inside(engine.attest(machine.name)).listening == ("tcp/80",))

    def test_a_program_that_came_by_itself_is_seen(self, engine: Attested, machine: WantedMachine) -> None:
        script = "cp /usr/bin/sleep /run/miner && (/run/miner 600 >/dev/null 2>&1 </dev/null &)"
        engine.run_inside(machine.name, ["sh", "-c", script], 30.0)
        until(lambda: "/run/miner" in self.programs(engine, machine))
        engine.run_inside(
            machine.name, ["sh", "-c", "rm /run/miner; kill $(grep -l miner /proc/[0-9]*/cmdline | cut -d/ -f3)"], 30.0
        )
        until(lambda: not any("miner" in program for program in self.programs(engine, machine)))

    def programs(self, engine: Attested, machine: WantedMachine) -> str:
        inside = self.inside(engine.attest(machine.name))
        return " ".join((*inside.programs, *inside.sessions))

    def test_nobody_can_write_where_it_is_not_declared(self, engine: Attested, machine: WantedMachine) -> None:
        places = ("/usr/sbin/nginx", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/srv/more")
        for place in places:
            assert engine.run_inside(machine.name, ["sh", "-c", f"echo changed >> {place}"], 30.0).status != 0, place
        assert engine.run_inside(machine.name, ["sh", "-c", "echo mine > /var/lib/nginx/mine"], 30.0).status == 0
        inside = self.inside(engine.attest(machine.name))
        assert (inside.written, inside.mounted) == ((), ())

    def test_a_machine_without_a_process_is_refused(self, engine: Attested, machine: WantedMachine) -> None:
        before = engine.attest(machine.name).run
        engine.stop_machine(machine.name)
        until(lambda: not self.answers(engine, machine), 40.0)
        engine.start_machine(machine.name)
        until(lambda: engine.list_machines(OWNER)[0].phase is Phase.SERVING, 90.0)
        assert engine.attest(machine.name).run != before

    def answers(self, engine: Attested, machine: WantedMachine) -> bool:
        try:
            engine.attest(machine.name)
        except Refused:
            return False
        except Unreachable:
            return True  # it ended while it was looked at: the next look says so
        return True
