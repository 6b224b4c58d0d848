"""What is plugged into a running QEMU beyond what it was started with, as its monitor lists it.

What a machine is started with has no name there but its empty ports; all that has one was plugged in while it ran: disks by us, the
way in for break-glass, and whatever else by somebody who found the monitor's socket.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from qemu.qmp import QMPClient

from stoneware.engines.qemu.monitor import Monitor
from stoneware.engines.qemu.shell import PORTS
from stoneware.engines.qemu.words import SLOT, disk_node
from stoneware.errors import EngineError

LIMIT_S = 2.0
CHILD = "child<"


def plugged(folder: Path) -> dict[str, str] | None:
    """Device by name, with its kind. None when the monitor is busy with somebody, or doesn't answer: nobody knows."""

    async def listed(client: QMPClient) -> Any:
        return await client.execute("qom-list", {"path": "/machine/peripheral"})

    try:
        found = Monitor(folder).converse(listed, LIMIT_S)
    except EngineError:
        return None
    return {one["name"]: _kind(one["type"]) for one in found if one["type"].startswith(CHILD)}


def wrong_devices(found: dict[str, str], disks: Collection[str]) -> Iterator[str]:
    """Devices that are neither ours nor those of the machine's `disks` (names)."""
    known = {*PORTS, *(disk_node(name) for name in disks)}
    for name, kind in sorted(found.items()):
        if name not in known and not name.startswith(SLOT):
            yield f"a {kind} was plugged in by hand: {name}"


def way_in(found: dict[str, str]) -> list[str]:
    """The console of break-glass, as a login: somebody is in, whoever opened it."""
    return [f"the host's console ({name})" for name in sorted(found) if name in PORTS][:1]


def _kind(written: str) -> str:
    return written[len(CHILD) : -1]
