"""Who uses an image, and deleting one that nobody uses."""

from __future__ import annotations

from collections.abc import Callable

from stoneware.model.image import Image
from stoneware.operations.platform import Platforms
from stoneware.store.store import Store


def users_of(store: Store, platforms: Platforms, image: Image) -> list[str]:
    """Machines that run or keep it, and retained releases that pin it (`critter-junction#3`)."""
    machines = [
        f"machine {machine.name}"
        for platform in platforms.by_engine.values()
        for machine in platform.engine.list_machines()
        if machine.digest == image.digest
    ]
    return machines + [f"release {name}" for name in store.releases.pinned(image.digest)]


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
