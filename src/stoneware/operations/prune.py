"""Housekeeping: stopped machines whose time is over, releases beyond the number that is kept, images that nothing reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.retention import releases_to_forget
from stoneware.model.image import ImageState
from stoneware.model.ledger import Fact
from stoneware.model.machine import Machine, Power
from stoneware.model.release import Release
from stoneware.operations.image_prune import ImagePrune
from stoneware.operations.platform import Platforms
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

ACTOR = "stoneware"


@dataclass(frozen=True)
class Prune:
    """Looks at every deployment in which nothing is under way. Each effect is repeatable, each goes into the ledger first.

    `tidy` removes what images left in their store: bytes that no image has are nobody's, so no ledger hears of it.
    """

    store: Store
    platforms: Platforms
    clock: Clock
    tidy: Callable[[], object]

    def run(self) -> list[str]:
        """One pass. Returns what was removed."""
        removed = []
        for deployment in self.store.releases.deployments():
            current = self.store.releases.current(deployment.name)
            if current is None or self.store.operations.active(deployment.name):
                continue
            removed += self._machines(current)
            removed += self._releases(current)
        removed += [gone.image for gone in ImagePrune(self.store, self.platforms, self.clock).run(ACTOR)]
        self._files()
        self.tidy()
        return removed

    def _files(self) -> None:
        """Files of deleted images, should a daemon have died between the catalog and the files. A bake may be making them anew."""
        for image in self.store.catalog.list(deleted=True):
            if image.state is ImageState.DELETED and not self.store.operations.active(f"family:{image.family}"):
                for platform in self.platforms.by_engine.values():
                    platform.engine.delete_image(image.digest)

    def _machines(self, current: Release) -> list[str]:
        engine = self.platforms.get(current.spec.engine).engine
        over = [m for m in engine.list_machines(current.deployment) if self._is_over(m, current)]
        for machine in over:
            self._note("machine.delete", machine.name, "its time as a stopped machine is over")
            engine.delete_machine(machine.name)
        return [machine.name for machine in over]

    def _is_over(self, machine: Machine, current: Release) -> bool:
        group = current.groups.get(machine.group)
        if machine.power is Power.RUNNING or (
            group and group.fleet == machine.fleet and machine.index < group.spec.size
        ):
            return False
        keep = group.spec.rollout.keep_stopped if group else 0.0
        since = machine.stopped_at or machine.created_at
        return self.clock.now() - since > keep

    def _releases(self, current: Release) -> list[str]:
        known = self.store.releases.list(current.deployment)
        previous = self.store.releases.previous_good(current.deployment)
        dropped = releases_to_forget(
            known, current.number, previous.number if previous else None, current.spec.keep_releases
        )
        for number in dropped:
            with writing(self.store.db) as conn:
                fact = Fact(
                    verb="release.forget",
                    subject=f"{current.deployment}#{number}",
                    actor=ACTOR,
                    reason=f"{current.spec.keep_releases} releases are kept",
                )
                append(conn, self.clock.now(), fact)
                self.store.releases.forget(conn, current.deployment, number)
        return [f"{current.deployment}#{number}" for number in dropped]

    def _note(self, verb: str, subject: str, reason: str) -> None:
        with writing(self.store.db) as conn:
            append(conn, self.clock.now(), Fact(verb=verb, subject=subject, actor=ACTOR, reason=reason))
