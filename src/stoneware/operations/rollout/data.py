"""What a rollout knows of the data on disks: what each image can live with, what each disk has, and what follows."""

from __future__ import annotations

from stoneware.decide.fleet import wanted_disks
from stoneware.decide.schema import after_writing, may_use, newest_readable, told_of
from stoneware.errors import Refused
from stoneware.model.image import StateSchema
from stoneware.model.release import Release
from stoneware.operations.rollout.stage import Stage


def image_says(stage: Stage, release: Release, group: str) -> StateSchema | None:
    """What the image of a group says of the data that it can live with."""
    return stage.store.catalog.manifest(release.groups[group].digest).state_schema


def will_write(stage: Stage, release: Release, group: str, disk: str) -> None:
    """Before a disk is attached: from then on its machine may write, so the data has its image's schema from now on.

    Raises Refused for an image that can't read the data: the last door, after the one at plan time.
    """
    image = image_says(stage, release, group)
    if image is None:
        return
    known = stage.store.disk_schemas.of([disk])[disk]
    why = may_use(known, image)
    if why is not None:
        raise Refused(
            f"disk {disk} isn't attached: {release.groups[group].image} {why}",
            _way_out(stage, disk, image),
            code="data-unreadable",
        )
    after = after_writing(known, image)
    if after is None:
        return
    if after != known:
        stage.ctx.note(f"schema:{disk}:{after}", "disk.schema", disk, schema=str(after), release=str(release.number))
    stage.store.disk_schemas.raise_to(
        disk, after
    )  # said already: who died between the entry and the row left it behind


def moving_disks(stage: Stage) -> dict[str, str]:
    """Disks that change hands in this rollout, each with its group."""
    if stage.source is None:
        return {}
    return {
        disk.name: group
        for group in stage.held
        for disk in wanted_disks(stage.target, group)
        if disk.name in {old.name for old in wanted_disks(stage.source, group)}
    }


def must_go_back(stage: Stage) -> list[str]:
    """Disks whose data the old machines can't have as it is now: it was put back further, or their images can't read it."""
    if stage.source is None or not stage.frame.handed_over:
        return []
    disks = {disk: group for disk, group in moving_disks(stage).items() if disk not in stage.frame.put_back}
    schemas = stage.store.disk_schemas.of(disks)
    images = {group: image_says(stage, stage.source, group) for group in set(disks.values())}
    return [
        disk
        for disk, group in disks.items()
        if disk in stage.frame.restored or may_use(schemas[disk], images[group]) is not None
    ]


def no_way_back(stage: Stage) -> str:
    """Why the old machines can't have the disks again without a loss that nobody agreed to; empty when they can."""
    if stage.source is None:
        return ""
    for disk in must_go_back(stage):
        group = moving_disks(stage)[disk]
        agreed = disk in stage.frame.restored or _on_failure(stage, group) == "restore_snapshot"
        if agreed and disk in stage.frame.snapshots:
            continue
        old, image = stage.source.groups[group], image_says(stage, stage.source, group)
        why = may_use(stage.store.disk_schemas.of([disk])[disk], image)
        return f"can't go back: on disk {disk}, {old.image} {why}; {_way_out(stage, disk, image)}"
    return ""


def _on_failure(stage: Stage, group: str) -> str:
    return stage.target.groups[group].spec.rollout.on_failure


def _way_out(stage: Stage, disk: str, image: StateSchema | None) -> str:
    """The snapshot that an image could read, and the command that puts it back."""
    found = newest_readable(stage.platform.engine.list_snapshots(), disk, image) if image else None
    if found is None:
        return "there is no snapshot that it can read: deploy an image that reads the data as it is"
    return f"snapshot {told_of(found)} is readable: `stoneware disk restore {disk} {found.name}` puts it back"
