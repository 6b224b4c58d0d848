"""The gate before a release: nothing starts that couldn't read today's data, or couldn't be taken back."""

from __future__ import annotations

from stoneware.decide.fleet import hands_over, wanted_disks
from stoneware.decide.schema import Images, no_way_back, restorable, told_of, unreadable
from stoneware.engines.engine import Engine
from stoneware.errors import Refused
from stoneware.model.release import Release
from stoneware.model.snapshot import Snapshot
from stoneware.store.store import Store

STEP = "declare `on_failure: restore_snapshot` in rollout (what is written meanwhile is lost then), or release a version between"


def pass_gate(
    store: Store, engine: Engine, source: Release | None, target: Release, *, restore_data: bool = False
) -> dict[str, str]:
    """What is to be put back on which disk: nothing, but where the data can't be read and `restore_data` was said.

    Raises Refused where the target can't read the data (and names the newest snapshot that it can read), where a failed
    rollout couldn't go back, and where the snapshot that is to be taken can't be.
    """
    images = _said(store, source, target)
    disks = {disk.name for group in target.groups for disk in wanted_disks(target, group)}
    schemas = store.disk_schemas.of(disks)
    refused = unreadable(target, images, schemas)
    found = restorable(refused, engine.list_snapshots()) if refused else {}
    if refused:
        _must_be_restorable(source, target, {disk: why for disk, (why, _) in refused.items()}, found, restore_data)
    _must_take_snapshots(engine, source, target)
    chosen = {disk: snapshot for disk, snapshot in found.items() if snapshot is not None}
    stuck = no_way_back(source, target, images, {d: s for d, s in schemas.items() if d not in chosen}) if source else ()
    if stuck:
        raise Refused(
            f"if it failed after the hand-over, it couldn't go back: {'; '.join(stuck)}", STEP, code="data-unreadable"
        )
    return {disk: snapshot.name for disk, snapshot in chosen.items()}


def loss_of(restores: dict[str, str]) -> tuple[str, ...]:
    """A line of the plan for each disk that gets older data."""
    return tuple(
        f"disk {disk} gets what snapshot {snapshot} holds; what was written since is kept in a snapshot, and gone from the disk"
        for disk, snapshot in sorted(restores.items())
    )


def _must_be_restorable(
    source: Release | None,
    target: Release,
    why: dict[str, str],
    found: dict[str, Snapshot | None],
    restore_data: bool,
) -> None:
    text = "; ".join(f"disk {disk}: {sentence}" for disk, sentence in sorted(why.items()))
    lacking = sorted(disk for disk, snapshot in found.items() if snapshot is None)
    if lacking:
        hint = f"there is no snapshot of {', '.join(lacking)} that it can read: deploy an image that reads the data as it is"
        raise Refused(f"release {target.number} can't use the data: {text}", hint, code="data-unreadable")
    moving = source is not None and all(_moves(source, target, disk) for disk in why)
    if restore_data and moving:
        return
    told = ", ".join(told_of(snapshot) for _, snapshot in sorted(found.items()) if snapshot is not None)
    if moving:
        back = f"stoneware rollback {target.deployment} --to RELEASE --restore-data"
        hint = f"`{back}` goes back together with the data of {told}; what was written since is lost"
    else:
        each = [f"`stoneware disk restore {disk} {one.name}`" for disk, one in sorted(found.items()) if one]
        hint = f"put back {told} first: {', '.join(each)}; what was written since is lost"
    raise Refused(f"release {target.number} can't use the data: {text}", hint, code="data-unreadable")


def _moves(source: Release, target: Release, disk: str) -> bool:
    moving = [group for group in target.groups if hands_over(source, target, group)]
    return disk in {one.name for group in moving for one in wanted_disks(target, group)}


def _must_take_snapshots(engine: Engine, source: Release | None, target: Release) -> None:
    taking = [g for g in target.groups if hands_over(source, target, g) and target.groups[g].spec.rollout.snapshot]
    if taking and not engine.capabilities().snapshots:
        why = f"no snapshot can be taken here before the disks of {', '.join(taking)} change hands"
        raise Refused(why, "see `stoneware doctor`, or declare `snapshot: false` in rollout")


def _said(store: Store, *releases: Release | None) -> Images:
    digests = {pinned.digest for release in releases if release for pinned in release.groups.values()}
    return {digest: store.catalog.manifest(digest).state_schema for digest in digests}
