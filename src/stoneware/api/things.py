"""Machines, disks, the ledger, and the daemon itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from stoneware import __version__
from stoneware.api.services import About, Actor, Given, Position, Reason, Verdict
from stoneware.errors import NotFound
from stoneware.model.finding import Finding
from stoneware.model.ledger import Fact, LedgerEntry
from stoneware.model.machine import Disk, Machine
from stoneware.store.database import writing
from stoneware.store.ledger import append

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
def list_machines(services: Given, owner: str | None = None) -> list[Machine]:
    """All machines, of all deployments or of one."""
    platforms = services.platforms.by_engine.values()
    return [machine for platform in platforms for machine in platform.engine.list_machines(owner)]


@router.get("/v1/machines/{name}", tags=["machines"])
def show_machine(services: Given, name: str) -> Machine:
    """One machine as it is now."""
    found = [machine for machine in list_machines(services) if machine.name == name]
    if not found:
        raise NotFound(f"no machine {name}", "`stoneware machine list` shows them")
    return found[0]


@router.get("/v1/machines/{name}/console", tags=["machines"], response_class=PlainTextResponse)
def read_console(services: Given, name: str, lines: Lines = 50) -> str:
    """The end of a machine's console."""
    platforms = services.platforms.by_engine.values()
    for platform in platforms:
        if name in [machine.name for machine in platform.engine.list_machines()]:
            return platform.engine.read_console(name, lines)
    raise NotFound(f"no machine {name}", "`stoneware machine list` shows them")


@router.get("/v1/disks", tags=["disks"])
def list_disks(services: Given, owner: str | None = None) -> list[Disk]:
    """All persistent disks, and who writes to them."""
    platforms = services.platforms.by_engine.values()
    return [disk for platform in platforms for disk in platform.engine.list_disks(owner)]


@router.delete("/v1/disks/{name}", tags=["disks"], status_code=204)
def delete_disk(services: Given, name: str, actor: Actor, reason: Reason = "") -> Response:
    """Deletes a disk and its data, by name; refused while a machine has it."""
    for platform in services.platforms.by_engine.values():
        if name in [disk.name for disk in platform.engine.list_disks()]:
            with writing(services.store.db) as conn:  # what the engine refuses isn't entered, what it does always is
                append(conn, services.clock.now(), Fact(verb="disk.delete", subject=name, actor=actor, reason=reason))
                platform.engine.delete_disk(name)
            return Response(status_code=204)
    raise NotFound(f"no disk {name}", "`stoneware disk list` shows them")


@router.get("/v1/ledger", tags=["ledger"])
def read_ledger(
    services: Given,
    after: Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    subject: str | None = None,
) -> list[LedgerEntry]:
    """Entries in order."""
    return services.store.ledger.entries(after, limit, subject)


@router.get("/v1/ledger/verdict", tags=["ledger"])
def verify_ledger(services: Given) -> Verdict:
    """Whether the chain holds."""
    ledger = services.store.ledger
    entries, head = ledger.end()
    return Verdict(problem=ledger.verify(), entries=entries, head=head)
