"""Disks and their snapshots. What copies is an operation; what is deleted is deleted by name."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator

from fastapi import APIRouter, Response

from stoneware.api.services import (
    Actor,
    CloneRequest,
    DiskView,
    Given,
    Key,
    Reason,
    RestoreRequest,
    Services,
    SnapshotRequest,
)
from stoneware.decide.schema import may_use
from stoneware.errors import Conflict, EngineError, NotFound, Refused
from stoneware.model.machine import Disk, WantedDisk
from stoneware.model.operation import OperationRecord
from stoneware.model.snapshot import Snapshot, WantedSnapshot
from stoneware.operations.disks import CloneFrame, SnapshotFrame, engine_of_disk, engine_of_snapshot
from stoneware.operations.restoring import RestoreFrame

router = APIRouter(tags=["disks"])


@router.get("/v1/disks")
def list_disks(services: Given, owner: str | None = None) -> list[DiskView]:
    """All persistent disks, who writes to them, and the schema of their data."""
    platforms, schemas = services.platforms.by_engine.values(), services.store.disk_schemas.all()
    found = [disk for platform in platforms for disk in platform.engine.list_disks(owner)]
    return [DiskView(**disk.model_dump(), data_schema=schemas.get(disk.name)) for disk in found]


@router.delete("/v1/disks/{name}", status_code=204)
def delete_disk(services: Given, name: str, actor: Actor, reason: Reason = "") -> Response:
    """Deletes a disk and its data, by name; refused while a machine has it. Its snapshots stay."""
    engine = services.platforms.get(engine_of_disk(services.platforms, name)).engine
    with _deleting(services, "disk", name, actor, reason, {}):
        engine.delete_disk(name)
    services.store.disk_schemas.put(name, None)
    return Response(status_code=204)


@contextlib.contextmanager
def _deleting(
    services: Services, noun: str, name: str, actor: str, reason: str, details: dict[str, str]
) -> Iterator[None]:
    """Enters a deletion before it happens, so that no crash leaves one without its entry; and that it was refused, if it is."""
    services.enter(f"{noun}.delete", name, actor, reason, details)
    try:
        yield
    except EngineError as refused:
        services.enter(f"{noun}.keep", name, actor, str(refused), details)
        raise


@router.get("/v1/snapshots")
def list_snapshots(services: Given, owner: str | None = None, disk: str | None = None) -> list[Snapshot]:
    """All snapshots, of all deployments or one, of all disks or one; by name."""
    platforms = services.platforms.by_engine.values()
    found = [one for platform in platforms for one in platform.engine.list_snapshots(owner)]
    return [one for one in found if disk in (None, one.disk)]


@router.delete("/v1/snapshots/{name}", status_code=204)
def delete_snapshot(services: Given, name: str, actor: Actor, reason: Reason = "") -> Response:
    """Deletes a snapshot, by name; refused while something that is under way may need it."""
    snapshot, engine = _snapshot(services, name)
    active = services.store.operations.active(snapshot.owner)
    if active is not None and name in json.dumps(active.frame):
        raise Conflict(
            f"{active.id} is under way, and may need snapshot {name}",
            "delete it when that is over",
            code="operation-under-way",
        )
    with _deleting(services, "snapshot", name, actor, reason, {"disk": snapshot.disk}):
        services.platforms.get(engine).engine.delete_snapshot(name)
    return Response(status_code=204)


@router.post("/v1/disks/{name}/snapshots", status_code=202)
def take_snapshot(services: Given, name: str, body: SnapshotRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts taking a snapshot of a disk as it is now, in use or not."""
    disk, engine = _disk(services, name)
    if same := services.repeated(key, "snapshot", disk.owner):
        return same
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(services.clock.now()))
    called = body.name or f"{name}-{stamp}"
    if called in [one.name for one in list_snapshots(services)]:
        raise Conflict(
            f"there is a snapshot {called} already", "give this one another name with --name", code="name-taken"
        )
    wanted = WantedSnapshot(name=called, why=body.reason, data_schema=_schema(services, name))
    frame = SnapshotFrame(engine=engine, disk=name, snapshot=wanted)
    return services.begin("snapshot", disk.owner, frame, actor=actor, reason=body.reason, key=key)


@router.post("/v1/disks/{name}/restores", status_code=202)
def restore_disk(services: Given, name: str, body: RestoreRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts putting a snapshot back. The application of the disk's machine stops for that long."""
    disk, engine = _disk(services, name)
    if same := services.repeated(key, "restore", disk.owner):
        return same
    snapshot, where = _snapshot(services, body.snapshot)
    if where != engine or snapshot.size_bytes != disk.size_bytes:
        raise Refused(
            f"snapshot {body.snapshot} doesn't fit disk {name}", "a snapshot fits disks of its size and engine"
        )
    if snapshot.disk != name and not body.other_disk:
        raise Refused(
            f"snapshot {snapshot.name} is of disk {snapshot.disk}, not of {name}",
            f"`stoneware disk snapshots --disk {name}` has its own; --other-disk puts this one there all the same",
        )
    _must_be_readable(services, disk, snapshot, engine)
    frame = RestoreFrame(
        engine=engine,
        disk=name,
        snapshot=snapshot.name,
        machine=disk.writer,
        data_schema=snapshot.data_schema,
        keep=body.keep,
    )
    return services.begin("restore", disk.owner, frame, actor=actor, reason=body.reason, key=key)


@router.post("/v1/clones", status_code=202)
def clone_disk(services: Given, body: CloneRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts making a disk with the content of a snapshot, or of another disk as it is now."""
    source, engine = _source(services, body.source)
    if same := services.repeated(key, "clone", source.owner):
        return same
    if body.name in [disk.name for disk in list_disks(services)]:
        raise Conflict(f"there is a disk {body.name} already", "give the clone another name", code="name-taken")
    if body.name in [one.name for one in list_snapshots(services)]:
        raise Conflict(f"{body.name} is the name of a snapshot", "give the clone another name", code="name-taken")
    schema = source.data_schema if isinstance(source, Snapshot) else _schema(services, body.source)
    wanted = WantedDisk(name=body.name, owner=body.owner or source.owner, size_bytes=source.size_bytes)
    frame = CloneFrame(engine=engine, source=body.source, disk=wanted, data_schema=schema)
    return services.begin("clone", source.owner, frame, actor=actor, reason=body.reason, key=key)


def _disk(services: Services, name: str) -> tuple[Disk, str]:
    """A disk and the name of its engine. Raises NotFound."""
    engine = engine_of_disk(services.platforms, name)
    disks = services.platforms.get(engine).engine.list_disks()
    return next(disk for disk in disks if disk.name == name), engine


def _snapshot(services: Services, name: str) -> tuple[Snapshot, str]:
    """A snapshot and the name of its engine. Raises NotFound."""
    engine = engine_of_snapshot(services.platforms, name)
    snapshots = services.platforms.get(engine).engine.list_snapshots()
    return next(one for one in snapshots if one.name == name), engine


def _source(services: Services, name: str) -> tuple[Disk | Snapshot, str]:
    try:
        return _snapshot(services, name)
    except NotFound:
        pass
    try:
        return _disk(services, name)
    except NotFound:
        hint = "`stoneware disk list` and `stoneware disk snapshots` show them"
        raise NotFound(f"no disk or snapshot {name}", hint, code="disk-not-found") from None


def _schema(services: Services, disk: str) -> int | None:
    return services.store.disk_schemas.of([disk])[disk]


def _must_be_readable(services: Services, disk: Disk, snapshot: Snapshot, engine: str) -> None:
    """The machine that has the disk gets it again: its image must be able to read what it then holds."""
    machines = services.platforms.get(engine).engine.list_machines()
    for machine in machines:
        if machine.name == disk.writer:
            why = may_use(snapshot.data_schema, services.store.catalog.manifest(machine.digest).state_schema)
            if why is not None:
                back = f"stoneware rollback {disk.owner} --to RELEASE --restore-data"
                hint = f"`{back}` goes back to a release together with its data"
                raise Refused(
                    f"machine {machine.name} can't use snapshot {snapshot.name}: its image {why}",
                    hint,
                    code="data-unreadable",
                )
