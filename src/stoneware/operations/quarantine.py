"""Machines that are kept for inspection: their whole group is made anew beside them, and then they get no traffic any more.

That is a rollout like that of machines which got too old, so the group is never below its strength. What it leaves running are
the machines in question; a person lets them go, and housekeeping deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from stoneware.clock import Clock
from stoneware.decide.ageing import renewed
from stoneware.decide.healing import SMALL_GROUP, STORM_PERCENT
from stoneware.errors import Conflict
from stoneware.model.drift import Quarantine
from stoneware.model.machine import Machine
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.telling import release_made
from stoneware.store.store import Store

PAUSE_S = 3600.0
"""How long it waits after an attempt that didn't succeed."""

Suspects = Mapping[str, tuple[str, float]]
"""Machines, each with why, and when the one that is meant was made."""


@dataclass(frozen=True)
class Quarantining:
    """`actor` is who the record says it was."""

    store: Store
    clock: Clock
    actor: str

    def run(
        self, release: Release, machines: Mapping[str, Machine], suspects: Suspects
    ) -> tuple[list[OperationRecord], str]:
        """Starts what is needed for the machines that are there still. Returns what was started, or why nothing was."""
        those = {
            name: why
            for name, (why, made_at) in suspects.items()
            if (seen := machines.get(name)) and seen.created_at == made_at
        }
        if not those:
            return [], ""
        groups = sorted({machines[name].group for name in those})
        storm = self._storm(release, machines, those)
        if storm:
            return [], storm
        if self._failed_lately(release.deployment):
            return [], f"{', '.join(those)}: the last attempt to make the group anew did not succeed; the next waits"
        return self._begin(release, groups, {name: (why, machines[name].created_at) for name, why in those.items()})

    def _storm(self, release: Release, machines: Mapping[str, Machine], those: Mapping[str, str]) -> str:
        for group, pinned in release.groups.items():
            count, size = sum(machines[name].group == group for name in those), pinned.spec.size
            if size > SMALL_GROUP and count * 100 > size * STORM_PERCENT:
                return (
                    f"{count} of {size} machines of group {group} differ at once, more than {STORM_PERCENT} %: "
                    "their next ones would, too, so none is kept apart"
                )
        return ""

    def _begin(self, release: Release, groups: list[str], those: Suspects) -> tuple[list[OperationRecord], str]:
        now, number = self.clock.now(), self.store.releases.next_number(release.deployment)
        reason = "kept for inspection: " + "; ".join(f"{name}: {why}" for name, (why, _) in sorted(those.items()))
        fresh = renewed(release, groups, number, now, self.actor).model_copy(update={"reason": reason})

        def also(conn: Connection) -> None:
            self.store.releases.add(fresh, conn)
            for name, (why, made_at) in those.items():
                kept = Quarantine(deployment=release.deployment, machine=name, made_at=made_at, since=now, why=why)
                self.store.drifts.keep(kept, conn)

        try:
            record = self.store.operations.create(
                kind="rollout",
                subject=fresh.deployment,
                actor=self.actor,
                reason=reason,
                state=Rollout.first,
                frame=RolloutFrame(target=number, source=release.number, entered_at=now, renewal=True),
                facts=[release_made(fresh)],
                also=also,
            )
        except Conflict:
            return [], ""  # a person was quicker
        return [record], ""

    def _failed_lately(self, deployment: str) -> bool:
        last = self.store.operations.ended(deployment, "rollout")
        if not last or last[0].actor != self.actor or last[0].result is Result.SUCCEEDED:
            return False
        return self.clock.now() - (last[0].ended_at or 0.0) < PAUSE_S
