"""A way into a real container: a terminal as people know it, and nothing is left of it when it is closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.layouts import container_engine
from tests.support.tiny import tiny_container
from tests.support.ways import asked_until, ended, read_until

from stoneware.engines.container import ContainerEngine
from stoneware.engines.container.shell import marked
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.machine import Power, WantedMachine
from stoneware.model.shell import Window

pytestmark = pytest.mark.host
PATIENCE_S = 10.0
NAME = "town-web-r1-0"
WINDOW = Window(rows=30, columns=100, kind="xterm")
LINK = 'RUN ["/bin/busybox", "ln", "-s", "busybox", "/bin/sh"]'
START = 'ENTRYPOINT ["/bin/busybox", "sleep", "3600"]'


def machine_of(engine: ContainerEngine, artifact: Artifact) -> None:
    engine.publish_image(artifact)
    wanted = WantedMachine(
        name=NAME,
        owner="town",
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=64 * 2**20,
    )
    engine.create_machine(wanted)
    [machine] = engine.list_machines()
    assert machine.power is Power.RUNNING


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def left(engine: ContainerEngine) -> list[int]:
    return marked(engine.podman.containers([NAME])[NAME])


def test_a_terminal_with_job_control_and_a_size_and_nothing_left(
    engine: ContainerEngine, home: Home, tmp_path: Path
) -> None:
    machine_of(engine, tiny_container(home, tmp_path, [LINK, START]))
    way = engine.open_shell(NAME, WINDOW)
    way.write(b"busybox stty size; echo $TERM is-$((40+2))\n")
    said = read_until(way, "is-42")
    assert "30 100" in said
    assert "xterm" in said
    way.write(b"busybox sleep 1000\n")
    until(lambda: any(b"1000" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left(engine)))
    way.write(b"\x03")
    way.resize(Window(rows=50, columns=132))
    asked_until(way, "busybox stty size", "50 132")
    with pytest.raises(Refused, match="somebody is in"):
        engine.open_shell(NAME, WINDOW)
    way.write(b"busybox setsid busybox sleep 4242 & exit\n")
    assert ended(way)
    way.close()
    assert left(engine) == []
    [machine] = engine.list_machines()
    assert machine.power is Power.RUNNING


def test_another_daemon_closes_the_way_of_one_that_died(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    machine_of(engine, tiny_container(home, tmp_path, [LINK, START]))
    way = engine.open_shell(NAME, WINDOW)
    read_until(way, "#")
    assert left(engine)
    container_engine(home).close_shell(NAME)
    assert left(engine) == []
    assert ended(way)
    container_engine(home).close_shell(NAME)
    container_engine(home).close_shell("nobody")
    way.close()


def test_an_image_without_a_shell_lets_nobody_in(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    machine_of(engine, tiny_container(home, tmp_path, [START], family="bare"))
    with pytest.raises(Refused, match="has no /bin/sh"):
        engine.open_shell(NAME, WINDOW)
