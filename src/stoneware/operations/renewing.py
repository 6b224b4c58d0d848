"""Machines that got too old are made again: a release with the same pins and a fresh fleet, whose machines take turns with the old
ones where they can.

One deployment at a time, and only one in which all is well and that has room; after an attempt that didn't succeed it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.ageing import renewed, too_old, why_renewed
from stoneware.errors import Conflict, Refused
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations.picture import Picture
from stoneware.operations.platform import Platforms
from stoneware.operations.release_gate import must_have_room
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.telling import release_made
from stoneware.store.store import Store

PAUSE_S = 3600.0
"""How long it waits after a renewal that didn't succeed."""


@dataclass(frozen=True)
class Renewing:
    """`actor` is who the record says it was; `notes` gets why a deployment's machines aren't made anew though they are too old."""

    store: Store
    clock: Clock
    actor: str
    platforms: Platforms
    notes: dict[str, tuple[str, ...]]

    def run(self, picture: Picture, well: Sequence[Release]) -> list[OperationRecord]:
        """Starts at most one renewal, among current releases whose machines are `well`."""
        if any(record.frame.get("renewal") for record in picture.under_way.values()):
            return []
        for release in well:
            groups = too_old(release, list(picture.machines[release.deployment].values()), self.clock.now())
            if not groups or self.may_not_be_started(release) or self._failed_lately(release.deployment):
                continue
            if full := self._why_no_room(release, groups):
                self.notes[release.deployment] = (f"{why_renewed(release, groups)}, and waits: {full}",)
                continue
            return self.begin(release, groups, why_renewed(release, groups), by_turns=True)
        return []

    def begin(
        self, release: Release, groups: Sequence[str], reason: str, *, by_turns: bool = False
    ) -> list[OperationRecord]:
        """A release with fresh fleets of these groups, and its rollout; nothing, when a person was quicker. `by_turns`: one
        machine after the other, where the group has no disks."""
        now, number = self.clock.now(), self.store.releases.next_number(release.deployment)
        fresh = renewed(release, groups, number, now, self.actor).model_copy(update={"reason": reason})
        frame = RolloutFrame(target=number, source=release.number, entered_at=now, renewal=True, by_turns=by_turns)
        try:
            record = self.store.operations.create(
                kind="rollout",
                subject=fresh.deployment,
                actor=self.actor,
                reason=fresh.reason,
                state=Rollout.first,
                frame=frame,
                told=frame.told(),
                facts=[release_made(fresh)],
                also=lambda conn: self.store.releases.add(fresh, conn),
            )
        except Conflict:
            return []  # a person was quicker
        return [record]

    def may_not_be_started(self, release: Release) -> bool:
        """An image that was revoked starts nothing new, and its machines go on: that is for a person to decide."""
        return any(self.store.catalog.get(group.digest).revoked_at is not None for group in release.groups.values())

    def _why_no_room(self, release: Release, groups: Sequence[str]) -> str:
        fresh = renewed(release, groups, release.number + 1, self.clock.now(), self.actor)
        others = [other for other in self.store.releases.currents() if other.deployment != release.deployment]
        try:
            must_have_room(release, fresh, others, self.platforms.get(release.spec.engine).engine, renewal=True)
        except Refused as full:
            return str(full)
        return ""

    def _failed_lately(self, deployment: str) -> bool:
        """Whether the last operation was an attempt that didn't succeed, a short time ago."""
        last = self.store.operations.ended(deployment, "rollout")
        if not last or last[0].actor != self.actor or last[0].result is Result.SUCCEEDED:
            return False
        return self.clock.now() - (last[0].ended_at or 0.0) < PAUSE_S
