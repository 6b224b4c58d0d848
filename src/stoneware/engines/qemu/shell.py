"""Break-glass on a virtual machine: a console and a port beside it, plugged in while it runs.

No machine is made with these ports, and only QEMU's monitor, which belongs to the host, can plug them in. The keeper finds them
(`bake/guest/keeper`), starts a shell at the console, and ends it with all its children when they are gone. Whatever becomes
of us, the ports have nobody at their other end then, which is the same to the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qemu.qmp import ExecuteError, QMPClient

from stoneware.engines.qemu.monitor import Monitor
from stoneware.errors import Unreachable
from stoneware.model.shell import Window

CONSOLE, CONTROL = "shell-console", "shell-control"
PORTS = {CONSOLE: ("virtconsole", 8), CONTROL: ("virtserialport", 9)}
"""What is plugged in: QEMU's name for the device, and the port's number, by which the keeper knows it."""
READY_LIMIT_S = 30.0
WAKE_EVERY_S = 0.5
QUIET_S = 0.3
LONGEST_LINE_BYTES = 4096


class QemuWay:
    """The two sockets, and how the ports behind them are unplugged."""

    def __init__(self, console: socket.socket, control: socket.socket, unplug: Callable[[], None]) -> None:
        self._console, self._control, self._unplug = console, control, unplug
        self._heard = b""
        self._over_at: float | None = None
        self._closed = False

    def greet(self, window: Window, wake: Callable[[], object], limit_s: float = READY_LIMIT_S) -> None:
        """Says what terminal there is, and waits for a shell. `wake` makes the keeper look. Raises Unreachable without one."""
        self._control.sendall(f"{window.kind} {window.rows} {window.columns}\n".encode())
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            wake()
            if select.select([self._control], [], [], WAKE_EVERY_S)[0] and "ready" in self._lines():
                return
        raise Unreachable("no shell came up in the machine", "its keeper may be older than this way in: bake it again")

    def read(self, timeout_s: float) -> bytes | None:
        """See `Way`. When the shell has ended, what it printed last is still read."""
        if self._over_at is not None and time.monotonic() - self._over_at > QUIET_S:
            return b""
        try:
            ready = select.select([self._console, self._control], [], [], min(timeout_s, QUIET_S))[0]
            if self._console in ready:
                return self._console.recv(65536)
            if self._control in ready:
                self._hear()
        except (OSError, ValueError):  # closed by another thread
            return b""
        return None

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._console.sendall(data)

    def resize(self, window: Window) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(f"{window.rows} {window.columns}\n".encode())

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._unplug()
            finally:
                self._console.close()
                self._control.close()

    def _hear(self) -> None:
        if self._over_at is None and any(line.startswith("ended") for line in self._lines()):
            self._over_at = time.monotonic()

    def _lines(self) -> list[str]:
        """What the machine said beside its console. It isn't trusted to say lines; a port that is gone says `ended`."""
        said = self._control.recv(4096)
        if not said:
            self._over_at = self._over_at or time.monotonic()
            time.sleep(0.01)
            return ["ended"]
        *lines, self._heard = (self._heard + said)[-LONGEST_LINE_BYTES:].split(b"\n")
        return [line.decode("ascii", "replace").strip() for line in lines]


def plug_in(folder: Path) -> QemuWay:
    """Plugs the ports in. Raises Refused while they are, Unreachable when QEMU doesn't answer."""
    monitor = Monitor(folder)
    monitor.converse(_add_sockets)
    try:
        console, control = (_connect(folder, name) for name in (CONSOLE, CONTROL))
        monitor.converse(_add_ports)
    except OSError as broken:
        unplug(folder)
        raise Unreachable(f"QEMU of {folder.name} doesn't answer at a new socket: {broken}") from broken
    except BaseException:
        unplug(folder)
        raise
    return QemuWay(console, control, lambda: unplug(folder))


def unplug(folder: Path) -> None:
    """Takes the ports out. Not there: success."""
    Monitor(folder).converse(_remove)
    for name in PORTS:
        (folder / f"{name}.sock").unlink(missing_ok=True)


async def _add_sockets(client: QMPClient) -> None:
    for name in PORTS:
        address = {"type": "unix", "data": {"path": f"{name}.sock"}}
        backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
        await client.execute("chardev-add", {"id": name, "backend": backend})


async def _add_ports(client: QMPClient) -> None:
    for name, (device, number) in PORTS.items():
        port = {"driver": device, "id": name, "chardev": name, "nr": number, "name": f"org.stoneware.{name}"}
        await client.execute("device_add", port)


async def _remove(client: QMPClient) -> None:
    """The port with the words first: it is what the keeper's end watches."""
    for name in (CONTROL, CONSOLE):
        with contextlib.suppress(ExecuteError):  # not there
            await client.execute("device_del", {"id": name})
    for name in PORTS:
        while name in await _chardevs(client):
            try:
                await client.execute("chardev-remove", {"id": name})
            except ExecuteError:  # its port is still going
                await asyncio.sleep(0.02)


async def _chardevs(client: QMPClient) -> set[str]:
    listed: Any = await client.execute("query-chardev")
    return {one["label"] for one in listed}


def _connect(folder: Path, name: str) -> socket.socket:
    port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        port.connect(f"/proc/self/fd/{handle}/{name}.sock")
    except OSError:
        port.close()
        raise
    finally:
        os.close(handle)
    return port
