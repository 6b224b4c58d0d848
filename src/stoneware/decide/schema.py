"""Whether an application can live with the data that is on a disk, and what would make it possible.

A number stands for a schema. It grows with what is written: an application that writes 2 leaves data that is no longer
schema 1, even when some of it still is. Where nobody has said anything, nobody is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stoneware.decide.fleet import wanted_disks
from stoneware.model.image import StateSchema
from stoneware.model.quantity import format_moment
from stoneware.model.release import Release
from stoneware.model.snapshot import Snapshot

Images = Mapping[str, StateSchema | None]
"""What each image (by digest) says of the data that it can live with."""


def may_use(data_schema: int | None, image: StateSchema | None) -> str | None:
    """Why an image can't have a disk whose data has this schema; None: it can."""
    if data_schema is None or image is None or data_schema in image.reads:
        return None
    return f"reads {_listed(image.reads)}, and the data has schema {data_schema}"


def after_writing(data_schema: int | None, image: StateSchema | None) -> int | None:
    """The schema of data that an image has had its hands on."""
    if image is None or data_schema is None:
        return image.writes if image else data_schema
    return max(data_schema, image.writes)


def newest_readable(snapshots: Iterable[Snapshot], disk: str, image: StateSchema) -> Snapshot | None:
    """The newest snapshot of a disk that an image says it can read."""
    readable = [one for one in snapshots if one.disk == disk and one.data_schema in image.reads]
    return max(readable, key=lambda one: (one.created_at, one.name), default=None)


def unreadable(
    release: Release, images: Images, schemas: Mapping[str, int | None]
) -> dict[str, tuple[str, StateSchema]]:
    """Disks of a release whose data its images can't read: why, and what the image can read."""
    found = {}
    for group, pinned in release.groups.items():
        image = images.get(pinned.digest)
        for disk in wanted_disks(release, group):
            why = may_use(schemas.get(disk.name), image)
            if why is not None and image is not None:
                found[disk.name] = (f"{pinned.image} {why}", image)
    return found


def no_way_back(source: Release, target: Release, images: Images, schemas: Mapping[str, int | None]) -> tuple[str, ...]:
    """Where a rollout that fails after its hand-over couldn't go back with the data that it wrote, as sentences."""
    found = []
    for group, new in target.groups.items():
        old = source.groups.get(group)
        if old is None or old.fleet == new.fleet or new.spec.rollout.on_failure == "restore_snapshot":
            continue
        before = {disk.name for disk in wanted_disks(source, group)}
        for disk in (disk.name for disk in wanted_disks(target, group) if disk.name in before):
            left = after_writing(schemas.get(disk), images.get(new.digest))
            if may_use(left, images.get(old.digest)) is not None:
                found.append(f"{new.image} would leave schema {left} on {disk}, which {old.image} can't read")
                break
    return tuple(found)


def restorable(
    refused: Mapping[str, tuple[str, StateSchema]], snapshots: Sequence[Snapshot]
) -> dict[str, Snapshot | None]:
    """For each disk that can't be read, the newest snapshot that can; None where there is none."""
    return {disk: newest_readable(snapshots, disk, image) for disk, (_, image) in refused.items()}


def told_of(snapshot: Snapshot) -> str:
    """A snapshot for a sentence."""
    return f"{snapshot.name} (schema {snapshot.data_schema}, taken {format_moment(snapshot.created_at)})"


def _listed(numbers: Sequence[int]) -> str:
    return "schema " + ", ".join(str(number) for number in numbers)
