"""Who uses an image, what reaches it, and deleting one: the only way there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from stoneware.clock import Clock
from stoneware.decide.reach import Facts
from stoneware.errors import NotFound
from stoneware.model.image import Image
from stoneware.model.machine import Machine
from stoneware.model.operation import OperationRecord
from stoneware.operations.platform import Platforms
from stoneware.store.store import Store

MOST_OPERATIONS = 100_000
"""More than can ever be under way: one a deployment, one a family."""


def users_of(store: Store, platforms: Platforms, image: Image) -> list[str]:
    """Machines that run or keep it, and retained releases that pin it (`critter-junction#3`)."""
    machines = [f"machine {machine.name}" for machine in all_machines(platforms) if machine.digest == image.digest]
    return machines + [f"release {name}" for name in store.releases.pinned(image.digest)]


def all_machines(platforms: Platforms) -> list[Machine]:
    """Every machine of every engine. Raises EngineError when one can't be looked at: then nobody knows what is in use."""
    return [machine for platform in platforms.by_engine.values() for machine in platform.engine.list_machines()]


def survey(store: Store, platforms: Platforms, clock: Clock) -> Facts:
    """All that can reach an image, now. Operations are looked at first: what one leaves when it ends is seen after it."""
    under_way = unfinished(store)
    bakes = {str(record.frame["family"]): record.id for record in under_way if record.kind == "bake"}
    mentions = mentions_of(store, under_way)
    machines, pins, images = all_machines(platforms), store.releases.pins(), store.catalog.list()
    return Facts(now=clock.now(), images=images, machines=machines, pins=pins, mentions=mentions, bakes=bakes)


def unfinished(store: Store) -> list[OperationRecord]:
    """Everything that is under way."""
    return store.operations.list(unfinished=True, limit=MOST_OPERATIONS)


def mentions_of(store: Store, records: Iterable[OperationRecord]) -> dict[str, tuple[str, ...]]:
    """The operations that have to do with each image, by digest."""
    found: dict[str, tuple[str, ...]] = {}
    for record in records:
        for digest in sorted(set(_mentioned(store, record))):
            found[digest] = (*found.get(digest, ()), record.id)
    return found


def _mentioned(store: Store, record: OperationRecord) -> Iterator[str]:
    """The digests that an operation has to do with: those in its frame, and those of the releases that it leads between."""
    yield from _digests(record.frame)
    if record.kind == "rollout":
        for number in (record.frame.get("target"), record.frame.get("source")):
            try:
                release = store.releases.get(record.subject, number) if number is not None else None
            except NotFound:  # it was destroyed meanwhile
                continue
            yield from (group.digest for group in release.groups.values()) if release else ()


def _digests(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("sha256:"):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _digests(inner)


def delete_image(
    store: Store,
    platforms: Platforms,
    ref: str,
    actor: str,
    reason: str,
    guard: Callable[[Image], None] = lambda _: None,
) -> Image:
    """Deletes an image: from the catalog first, so that nothing new can take it, then its files.

    `guard` may raise to forbid it, within the same transaction. Raises Conflict with the reason while something uses it.
    """

    def refuse(image: Image) -> str | None:
        machines = [user for user in users_of(store, platforms, image) if user.startswith("machine ")]
        return ", ".join(machines) or None

    image = store.catalog.delete(ref, actor, reason, refuse, guard)
    for platform in platforms.by_engine.values():
        platform.engine.delete_image(image.digest)
    return image
