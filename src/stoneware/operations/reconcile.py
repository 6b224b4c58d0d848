"""What should run, runs: a machine of the current release that died is replaced, by an operation like any other.

The operation is a rollout of the current release to itself: it makes what is missing from the pinned image, gives it its disks
back, waits for its health, and is in history and ledger. Whatever else is under way goes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.fleet import machine_names
from stoneware.errors import Conflict
from stoneware.model.machine import Phase, Power
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations.platform import Platforms
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.store.store import Store

ACTOR = "stoneware"
PAUSE_S = 60.0
"""How long it waits after a repair that didn't succeed."""


@dataclass(frozen=True)
class Reconcile:
    """`run` is one look at every deployment."""

    store: Store
    platforms: Platforms
    clock: Clock

    def run(self) -> list[OperationRecord]:
        """Starts what is needed. Returns the operations that were started."""
        started = []
        for deployment in self.store.releases.deployments():
            current = self.store.releases.current(deployment.name)
            if current is None or self.store.operations.active(deployment.name) or self._failed_lately(deployment.name):
                continue
            lost = self._lost(current)
            if lost:
                started += self._repair(current, f"{', '.join(lost)} died")
        return started

    def _lost(self, current: Release) -> list[str]:
        """Machines that should run and don't."""
        seen = {m.name: m for m in self.platforms.get(current.spec.engine).engine.list_machines(current.deployment)}
        wanted = [name for group in current.groups for name in machine_names(current, group)]
        good = {n for n, m in seen.items() if m.power is Power.RUNNING and m.phase is not Phase.FAILED}
        return [name for name in wanted if name not in good]

    def _failed_lately(self, deployment: str) -> bool:
        last = self.store.operations.list(subject=deployment, unfinished=False, limit=1)
        if not last or last[0].actor != ACTOR or last[0].result is Result.SUCCEEDED:
            return False
        return self.clock.now() - (last[0].ended_at or 0.0) < PAUSE_S

    def _repair(self, current: Release, why: str) -> list[OperationRecord]:
        number = current.number
        frame = RolloutFrame(target=number, source=number, rollback=True, entered_at=self.clock.now())
        try:
            record = self.store.operations.create(
                kind="rollout", subject=current.deployment, actor=ACTOR, reason=why, state=Rollout.first, frame=frame
            )
        except Conflict:
            return []  # a person was quicker
        return [record]
