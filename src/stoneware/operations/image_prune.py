"""Deleting the images whose time is over and that nothing reaches: planned first, and judged again before each one goes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from stoneware.clock import Clock
from stoneware.decide.retention import judge, plan_prune
from stoneware.errors import Conflict
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Doomed, Kept, PrunePlan
from stoneware.operations.platform import Platforms
from stoneware.operations.usage import delete_image, survey
from stoneware.store.store import Store

log = structlog.get_logger()


@dataclass(frozen=True)
class ImagePrune:
    """What both the daemon's housekeeping and `stoneware image prune` do."""

    store: Store
    platforms: Platforms
    clock: Clock

    def plan(self) -> PrunePlan:
        """What would go now, and what stays, with the reasons. Changes nothing."""
        return plan_prune(survey(self.store, self.platforms, self.clock), self.store.catalog.rules())

    def run(self, actor: str, reason: str = "", seen: Collection[str] | None = None) -> list[Doomed]:
        """Deletes what may go; with `seen` (digests), nothing that isn't among them. Returns what went.

        An image that something has begun to use since the plan was made stays.
        """
        gone = []
        for doomed in self.plan().deletes:
            if seen is not None and doomed.digest not in seen:
                continue
            why = f"{reason}: {doomed.why}" if reason else doomed.why
            try:
                delete_image(self.store, self.platforms, doomed.digest, actor, why, self._guard)
            except Conflict as kept:
                log.info("an image is kept after all", image=doomed.image, reason=kept.message)
                continue
            gone.append(doomed)
        return gone

    def _guard(self, image: Image) -> None:
        """Judges once more, where nobody else can write: what reaches an image is written before it is used."""
        facts = survey(self.store, self.platforms, self.clock)
        if image.state is not ImageState.DELETED and isinstance(judge(image, facts, self.store.catalog.rules()), Kept):
            raise Conflict(
                f"{image.name} is needed again", "`stoneware image why-kept` says by what", code="image-in-use"
            )
