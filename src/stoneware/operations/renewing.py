"""Machines that got too old are made again: a release with the same pins and a fresh fleet, rolled out as the group declares.

One deployment at a time, and only one in which all is well; after an attempt that didn't succeed it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.ageing import renewed, too_old, why_renewed
from stoneware.errors import Conflict
from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations.picture import Picture
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.telling import release_told
from stoneware.store.store import Store

PAUSE_S = 3600.0
"""How long it waits after a renewal that didn't succeed."""


@dataclass(frozen=True)
class Renewing:
    """`actor` is who the record says it was."""

    store: Store
    clock: Clock
    actor: str

    def run(self, picture: Picture, well: Sequence[Release]) -> list[OperationRecord]:
        """Starts at most one renewal, among current releases whose machines are `well`."""
        if any(record.frame.get("renewal") for record in picture.under_way.values()):
            return []
        for release in well:
            groups = too_old(release, list(picture.machines[release.deployment].values()), self.clock.now())
            if groups and not self.may_not_be_started(release) and not self._failed_lately(release.deployment):
                return self.begin(release, groups, why_renewed(release, groups))
        return []

    def begin(self, release: Release, groups: Sequence[str], reason: str) -> list[OperationRecord]:
        """A release with fresh fleets of these groups, and its rollout; nothing, when a person was quicker."""
        now, number = self.clock.now(), self.store.releases.next_number(release.deployment)
        fresh = renewed(release, groups, number, now, self.actor).model_copy(update={"reason": reason})
        fact = Fact(
            verb="release.create",
            subject=f"{fresh.deployment}#{number}",
            actor=self.actor,
            reason=fresh.reason,
            details=release_told(fresh),
        )
        frame = RolloutFrame(target=number, source=release.number, entered_at=now, renewal=True)
        try:
            record = self.store.operations.create(
                kind="rollout",
                subject=fresh.deployment,
                actor=self.actor,
                reason=fresh.reason,
                state=Rollout.first,
                frame=frame,
                told=frame.told(),
                facts=[fact],
                also=lambda conn: self.store.releases.add(fresh, conn),
            )
        except Conflict:
            return []  # a person was quicker
        return [record]

    def may_not_be_started(self, release: Release) -> bool:
        """An image that was revoked starts nothing new, and its machines go on: that is for a person to decide."""
        return any(self.store.catalog.get(group.digest).revoked_at is not None for group in release.groups.values())

    def _failed_lately(self, deployment: str) -> bool:
        """Whether the last operation was an attempt that didn't succeed, a short time ago."""
        last = self.store.operations.list(subject=deployment, unfinished=False, limit=1, kind="rollout")
        if not last or last[0].actor != self.actor or last[0].result is Result.SUCCEEDED:
            return False
        return self.clock.now() - (last[0].ended_at or 0.0) < PAUSE_S
