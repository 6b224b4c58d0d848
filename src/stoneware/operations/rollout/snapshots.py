"""Snapshots that a rollout takes and puts back: one disk a step, so that what is done is on record before the next begins.

A disk is restored only between two machines, and that it was is committed before anybody gets it: a restore that is repeated
later would take away what was written since.
"""

from __future__ import annotations

from stoneware.model.snapshot import WantedSnapshot
from stoneware.names import snapshot_name
from stoneware.operations.progress import watched
from stoneware.operations.rollout import data
from stoneware.operations.rollout.stage import Stage, some
from stoneware.operations.telling import schema_told


def wanted(stage: Stage) -> bool:
    """Whether disks change hands of which a snapshot is to be taken before."""
    return bool(_to_take(stage))


def take_next(stage: Stage) -> int:
    """Takes the next snapshot that isn't there yet. Returns how many are left after it."""
    missing = [disk for disk in _to_take(stage) if disk not in stage.frame.snapshots]
    if missing:
        _take(stage, missing[0])
    return max(0, len(missing) - 1)


def words(stage: Stage) -> str:
    """What was taken, for the journal."""
    return f"snapshots are taken: {some(stage.frame.snapshots.values())}"


def restore_next(stage: Stage) -> str:
    """Puts what a rollback was asked to put back on the next disk, after keeping what is there. Empty when nothing is left."""
    for disk, snapshot in sorted(stage.frame.restore.items()):
        if disk not in stage.frame.snapshots:
            _take(stage, disk)
            return f"what disk {disk} holds is kept as {stage.frame.snapshots[disk]}"
        if disk not in stage.frame.restored:
            _restore(stage, disk, snapshot)
            stage.remember(restored=(*stage.frame.restored, disk))
            return f"disk {disk} holds snapshot {snapshot} again"
    return ""


def put_back_next(stage: Stage) -> str:
    """On the way back: gives the next disk what it held before this rollout, where the old machines need that."""
    for disk in data.must_go_back(stage):
        snapshot = stage.frame.snapshots[disk]
        _restore(stage, disk, snapshot)
        stage.remember(put_back=(*stage.frame.put_back, disk))
        return f"disk {disk} holds snapshot {snapshot} again"
    return ""


def discard(stage: Stage) -> None:
    """Snapshots of a rollout that never touched a disk go with it, finished or not."""
    if stage.frame.handed_over:
        return
    for disk in data.moving_disks(stage):
        name = snapshot_name(disk, stage.ctx.record.id)
        if f"snapshot:{disk}" in stage.ctx.noted:
            stage.ctx.note(f"forget:{disk}", "snapshot.delete", name, disk=disk, why="nothing had changed hands")
            stage.platform.engine.delete_snapshot(name)


def _to_take(stage: Stage) -> list[str]:
    """A disk that is to be restored is kept later, when nobody writes to it any more."""
    return [
        disk
        for disk, group in sorted(data.moving_disks(stage).items())
        if stage.target.groups[group].spec.rollout.snapshot and disk in stage.disks and disk not in stage.frame.restore
    ]


def _take(stage: Stage, disk: str) -> None:
    name, release = snapshot_name(disk, stage.ctx.record.id), stage.target.number
    stage.ctx.note(f"snapshot:{disk}", "disk.snapshot", disk, snapshot=name, release=str(release))
    whole = WantedSnapshot(
        name=name,
        why=f"before the hand-over to release {release}",
        data_schema=stage.store.disk_schemas.of([disk])[disk],
        release=release,
    )
    stage.platform.engine.snapshot_disk(disk, whole, watched(stage.ctx))
    stage.remember(snapshots={**stage.frame.snapshots, disk: name})


def _restore(stage: Stage, disk: str, snapshot: str) -> None:
    held = next((one for one in stage.platform.engine.list_snapshots() if one.name == snapshot), None)
    schema = schema_told(held.data_schema if held else None)
    stage.ctx.note(f"restore:{disk}:{snapshot}", "disk.restore", disk, snapshot=snapshot, **schema)
    stage.platform.engine.restore_disk(disk, snapshot, watched(stage.ctx))
    stage.store.disk_schemas.put(disk, held.data_schema if held else None)
