"""Machines, and the daemon itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from stoneware import __version__
from stoneware.api.services import About, Given, MachineView
from stoneware.api.views import machine_views
from stoneware.errors import NotFound
from stoneware.model.finding import Finding

router = APIRouter()
Lines = Annotated[int, Query(ge=1, le=10000)]


@router.get("/v1/about", tags=["daemon"])
def about(services: Given) -> About:
    """The daemon: version, process, memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return About(version=__version__, pid=os.getpid(), home=str(services.home.root), memory_bytes=memory)


@router.get("/v1/doctor", tags=["daemon"])
def doctor(services: Given) -> list[Finding]:
    """What this host can and can't do."""
    platforms = services.platforms.by_engine
    return [finding for name in sorted(platforms) for finding in platforms[name].engine.check()]


@router.get("/v1/machines", tags=["machines"])
def list_machines(services: Given, owner: str | None = None) -> list[MachineView]:
    """All machines, of all deployments or of one."""
    platforms = services.platforms.by_engine.values()
    found = [machine for platform in platforms for machine in platform.engine.list_machines(owner)]
    return machine_views(services, found)


@router.get("/v1/machines/{name}", tags=["machines"])
def show_machine(services: Given, name: str) -> MachineView:
    """One machine as it is now."""
    found = [machine for machine in list_machines(services) if machine.name == name]
    if not found:
        raise NotFound(f"no machine {name}", "`stoneware machine list` shows them", code="machine-not-found")
    return found[0]


@router.get("/v1/machines/{name}/console", tags=["machines"], response_class=PlainTextResponse)
def read_console(services: Given, name: str, lines: Lines = 50) -> str:
    """The end of a machine's console."""
    platforms = services.platforms.by_engine.values()
    for platform in platforms:
        if name in [machine.name for machine in platform.engine.list_machines()]:
            return platform.engine.read_console(name, lines)
    raise NotFound(f"no machine {name}", "`stoneware machine list` shows them", code="machine-not-found")
