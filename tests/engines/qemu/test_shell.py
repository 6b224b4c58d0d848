"""A way into a real machine: plugged in while it runs, a terminal as people know it, and nothing is left of it afterwards."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.foundry import Foundry
from tests.support.ways import asked_until, ended, read_until

from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.engines.qemu.monitor import Monitor
from stoneware.engines.qemu.shell import PORTS
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.machine import Phase, WantedMachine
from stoneware.model.shell import Window

NAME = "town-web-r1-0"
NOBODY = re.compile(r"\b0\r\nall-42")
WINDOW = Window(rows=30, columns=100, kind="xterm")
BUSY = b"sh -c 'echo begun-$((40+2)); exec sleep 1000'\n"
"""A program that says by itself that it is in the foreground: what a shell has forked but not started yet hears no Ctrl-C."""
SLEEPERS = b"for f in /proc/[0-9]*/comm; do read c <$f && echo c-$c; done 2>/dev/null | grep -c c-slee[p]; echo all-$((40+2))\n"


def wait(condition: Callable[[], bool], patience_s: float = 240.0) -> None:
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, "it doesn't come"
        time.sleep(0.2)


@pytest.fixture
def engine(foundry: Foundry, tmp_path: Path) -> Iterator[QemuEngine]:
    """One machine that serves."""
    home = Home(tmp_path)
    home.prepare()
    artifact = foundry.version_1
    (home.images / artifact.folder.name).symlink_to(artifact.folder)
    engine = QemuEngine(home, SystemClock())
    wanted = WantedMachine(
        name=NAME,
        owner="town",
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=2,
        memory_bytes=256 * 2**20,
        ports=(80,),
    )
    try:
        engine.create_machine(wanted)
        wait(lambda: engine.list_machines()[0].phase is Phase.SERVING)
        yield engine
    finally:
        engine.delete_machine(NAME)
        engine.close()


@pytest.mark.vm
def test_a_way_in_that_only_the_host_can_open(engine: QemuEngine) -> None:
    way = engine.open_shell(NAME, WINDOW)
    way.write(b"tty; stty size; echo $TERM $(id -u) is-$((40+2))\n")
    said = read_until(way, "is-42")
    assert all(text in said for text in ("/dev/hvc0", "30 100", "xterm 0 "))
    way.write(BUSY)
    read_until(way, "begun-42")
    way.write(b"\x03")
    way.resize(Window(rows=50, columns=132))
    assert "/run/stoneware/tainted\r\n" in asked_until(way, "stty size; ls /run/stoneware/tainted", "50 132")
    with pytest.raises(Refused):
        engine.open_shell(NAME, WINDOW)  # one at a time
    way.write(b"setsid sleep 4242 & echo left-$((40+2))\n")
    read_until(way, "left-42")
    way.write(b"exit\n")
    assert ended(way)
    way.close()
    plugged = {
        one["name"] for one in Monitor(engine.home.machines / NAME).execute("qom-list", path="/machine/peripheral")
    }
    assert not plugged & set(PORTS)

    again = engine.open_shell(NAME, WINDOW)  # whose daemon dies: nobody has the other end any more
    again.write(SLEEPERS)
    assert NOBODY.search(read_until(again, "all-42"))
    again.write(b"setsid sleep 4242 & echo left-$((40+2))\n")
    read_until(again, "left-42")
    QemuEngine(engine.home, SystemClock()).close_shell(NAME)
    assert ended(again)
    again.close()
    engine.close_shell(NAME)
    engine.close_shell("nobody")

    last = engine.open_shell(NAME, WINDOW)
    last.write(SLEEPERS)
    assert NOBODY.search(read_until(last, "all-42"))
    last.close()
    wait(lambda: engine.list_machines()[0].phase is Phase.SERVING)
    wait(lambda: engine.read_console(NAME).count("somebody is in") == 3)
