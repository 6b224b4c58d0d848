"""Secrets in real containers: there before the application, for its user alone, in memory; and nowhere on the host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.foundry import Foundry
from tests.support.layouts import (
    container_engine,
    credentials_container,
    sealed_container,
    users_container,
)

from stoneware.engines.container import ContainerEngine
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase, Power, WantedMachine

pytestmark = pytest.mark.host
PATIENCE_S = 30.0
NAME = "town-web-r1-0"
VALUE = b"otters \xff\0 and badgers\n"
BOTH = {"DB_PASSWORD": "db-password/3", "TLS_KEY": "tls-key/1"}
values = {"db-password/3": VALUE, "tls-key/1": b"k" * 65536}


def reveal(reference: str) -> bytes:
    try:
        return values[reference]
    except KeyError:
        raise Refused(f"there is no secret {reference}") from None


@pytest.fixture
def engine(home: Home) -> Iterator[ContainerEngine]:
    engine = container_engine(home, reveal)
    yield engine
    for machine in engine.list_machines():
        engine.delete_machine(machine.name)


def start(engine: ContainerEngine, artifact: Artifact, **more: object) -> None:
    engine.publish_image(artifact)
    wanted = WantedMachine(
        name=NAME,
        owner="town",
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=2**28,
        secrets=BOTH,
        agent=True,
    )
    engine.create_machine(wanted.model_copy(update=more))
    until(engine, Phase.SERVING)


def until(engine: ContainerEngine, phase: Phase) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while engine.list_machines()[0].phase is not phase:
        assert time.monotonic() < give_up, engine.list_machines()
        time.sleep(0.05)


def stop(engine: ContainerEngine) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while engine.list_machines()[0].power is not Power.STOPPED:
        assert time.monotonic() < give_up
        engine.stop_machine(NAME)
        time.sleep(0.1)


def told(engine: ContainerEngine, *argv: str) -> str:
    """What a command in the machine prints."""
    ran = engine.run_inside(NAME, argv, 20.0)
    assert ran.status == 0, ran
    return ran.output.strip()


def test_services_find_files_that_only_root_may_read(engine: ContainerEngine, foundry: Foundry) -> None:
    start(engine, sealed_container(foundry))
    assert told(engine, "stat", "-c", "%n %a %u:%g %s", "/run/secrets/DB_PASSWORD", "/run/secrets/TLS_KEY").split(
        "\n"
    ) == [
        f"/run/secrets/DB_PASSWORD 400 0:0 {len(VALUE)}",
        "/run/secrets/TLS_KEY 400 0:0 65536",
    ]
    assert told(engine, "base64", "-w0", "/run/secrets/DB_PASSWORD") == "b3R0ZXJzIP8AIGFuZCBiYWRnZXJzCg=="
    assert told(engine, "stat", "-f", "-c", "%T", "/run/secrets") == "tmpfs"
    other = engine.run_inside(
        NAME, ["setpriv", "--reuid=33", "--clear-groups", "cat", "/run/secrets/DB_PASSWORD"], 20.0
    )
    assert (other.status, "ermission denied" in other.output) == (1, True)
    assert "otters" not in told(engine, "cat", "/proc/1/environ", "/proc/1/cmdline")


def test_a_service_of_another_user_gets_one_by_systemd(engine: ContainerEngine, foundry: Foundry) -> None:
    start(engine, credentials_container(foundry))
    assert told(engine, "cat", "/run/told").split() == ["www-data", str(len(VALUE))]


def test_the_program_of_an_image_without_an_init_owns_them(engine: ContainerEngine, foundry: Foundry) -> None:
    start(engine, users_container(foundry))
    assert told(engine, "id", "-un") == "www-data"
    assert told(engine, "stat", "-c", "%a %U:%G", "/run/secrets/DB_PASSWORD") == "400 www-data:www-data"
    assert told(engine, "cat", "/run/secrets/TLS_KEY") == "k" * 16384, "as much as is shown of what a command prints"
    assert engine.run_inside(NAME, ["touch", "/run/secrets/more"], 20.0).status != 0


def test_they_come_again_with_every_start_and_nothing_of_them_stays(
    engine: ContainerEngine, home: Home, foundry: Foundry
) -> None:
    start(engine, sealed_container(foundry))
    [seen] = engine.podman.inspect("container", NAME)
    assert "otters" not in str(seen)
    assert "db-password" not in str(seen)
    stop(engine)
    later = container_engine(home, reveal)
    later.start_machine(NAME)
    until(later, Phase.SERVING)
    assert told(later, "wc", "-c", "/run/secrets/DB_PASSWORD").startswith(f"{len(VALUE)} ")
    for folder in (home.containers, later.podman.run_folder):
        held = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        assert held
        assert [path for path in held if VALUE in path.read_bytes()] == []


def test_a_machine_without_secrets_has_no_place_for_them(engine: ContainerEngine, foundry: Foundry) -> None:
    start(engine, sealed_container(foundry), secrets={})
    assert engine.run_inside(NAME, ["ls", "/run/secrets"], 20.0).status != 0


def test_a_secret_that_is_gone_starts_nothing(
    engine: ContainerEngine, foundry: Foundry, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(engine, sealed_container(foundry))
    stop(engine)
    monkeypatch.delitem(values, "db-password/3")
    with pytest.raises(Refused, match="no secret db-password/3"):
        engine.start_machine(NAME)
    assert engine.list_machines()[0].power is Power.STOPPED


def test_who_writes_over_one_is_seen(engine: ContainerEngine, foundry: Foundry) -> None:
    start(engine, credentials_container(foundry))
    container = engine.runs.find(NAME)
    assert container is not None
    evidence = engine.attest(NAME)
    assert evidence.inside is not None and evidence.inside.written == ()
    secret = Path(f"/proc/{container.pid}/root/run/secrets/DB_PASSWORD")
    secret.chmod(0o600)
    secret.write_bytes(VALUE)  # the same as before: that it was written to is seen
    evidence = engine.attest(NAME)
    assert evidence.inside is not None and evidence.inside.written == ("/run/secrets/DB_PASSWORD",)
