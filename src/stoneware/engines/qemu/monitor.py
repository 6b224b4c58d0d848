"""QEMU's monitor (QMP), one short conversation at a time, through the QEMU project's own client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from qemu.qmp import ConnectError, ExecuteError, QMPClient, QMPError

from stoneware.errors import Refused, Unreachable

LIMIT_S = 10.0


class Monitor:
    """Commands to one running QEMU. Raises Unreachable when it doesn't answer, Refused when it says no."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def execute(self, command: str, **arguments: object) -> Any:
        """One command, its answer."""
        return self.converse(lambda client: client.execute(command, arguments or None))

    def plug_disk(self, node: str, image: Path, bus: str, serial: str) -> None:
        """Plugs a disk into a port. Plugged already: success. QEMU's own lock on the file refuses a second writer."""

        async def plug(client: QMPClient) -> None:
            if node not in await _nodes(client):
                file = {"driver": "file", "filename": str(image), "aio": "threads", "locking": "on"}
                await client.execute("blockdev-add", {"driver": "raw", "node-name": node, "file": file})
            if node not in await _devices(client):
                device = {"driver": "virtio-blk-pci", "id": node, "drive": node, "serial": serial, "bus": bus}
                await client.execute("device_add", device)

        self.converse(plug)

    def unplug_disk(self, node: str) -> bool:
        """Asks the guest to let a disk go, and forgets it when it did. Whether it is gone; not plugged in: True."""

        async def unplug(client: QMPClient) -> bool:
            for attempt in range(100):
                if node not in await _devices(client):
                    if await _forget_node(client, node):
                        return True
                elif attempt == 0:
                    try:
                        await client.execute("device_del", {"id": node})
                    except ExecuteError as busy:
                        if "already in the process of unplug" not in str(busy):
                            raise
                await asyncio.sleep(0.01)
            return False

        return bool(self.converse(unplug))

    def converse(self, talk: Callable[[QMPClient], Awaitable[Any]], limit_s: float = LIMIT_S) -> Any:
        """Several commands in a row, within so many seconds; what `talk` returns."""

        async def conversation() -> Any:
            client = QMPClient("stoneware")
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                # through /proc, for the path of a socket may have 107 characters and a folder's any number
                await client.connect(f"/proc/self/fd/{handle}/monitor.sock")
                try:
                    return await talk(client)
                finally:
                    await client.disconnect()
            finally:
                os.close(handle)

        try:
            return asyncio.run(asyncio.wait_for(conversation(), limit_s))
        except ExecuteError as no:
            raise Refused(f"QEMU of {self._folder.name} refused: {no}") from no
        except (ConnectError, QMPError, OSError, TimeoutError) as away:
            raise Unreachable(f"QEMU of {self._folder.name} doesn't answer: {away}") from away


async def _devices(client: QMPClient) -> set[str]:
    listed: Any = await client.execute("qom-list", {"path": "/machine/peripheral"})
    return {entry["name"] for entry in listed}


async def _forget_node(client: QMPClient, node: str) -> bool:
    """Whether the disk's file is closed. QEMU takes a moment after the device has gone: "in use" means not yet."""
    if node in await _nodes(client):
        try:
            await client.execute("blockdev-del", {"node-name": node})
        except ExecuteError as busy:
            if "in use" not in str(busy):
                raise
            return False
    return True


async def _nodes(client: QMPClient) -> set[str]:
    listed: Any = await client.execute("query-named-block-nodes", {"flat": True})
    return {entry["node-name"] for entry in listed}
