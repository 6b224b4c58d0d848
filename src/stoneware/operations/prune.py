"""Housekeeping: stopped machines whose time is over, releases beyond the number that is kept, their snapshots, images that nothing
reaches, and old versions of secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from stoneware.clock import Clock
from stoneware.decide.entering import taints_of
from stoneware.decide.fleet import machine_names
from stoneware.decide.retention import releases_to_forget
from stoneware.engines.engine import Engine
from stoneware.model.image import Image, ImageState
from stoneware.model.ledger import Fact
from stoneware.model.machine import Machine, Power
from stoneware.model.release import Release
from stoneware.operations.image_prune import ImagePrune
from stoneware.operations.platform import Platforms
from stoneware.operations.rollout.kept import kept_machines
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.store import Store

ACTOR = "stoneware"


@dataclass(frozen=True)
class Prune:
    """Looks at every deployment in which nothing is under way. Each effect is repeatable, each goes into the ledger first.

    `tidy` removes what images left in their store: bytes that no image has are nobody's, so no ledger hears of it. While `alone`
    is held, nobody brings an image's files in.
    """

    store: Store
    platforms: Platforms
    clock: Clock
    tidy: Callable[[], object]
    alone: Callable[[], AbstractContextManager[None]] = nullcontext

    def run(self) -> list[str]:
        """One pass. Returns what was removed."""
        removed = []
        for deployment in self.store.releases.deployments():
            current = self.store.releases.current(deployment.name)
            if current is None or self.store.operations.active(deployment.name):
                continue
            removed += self._inspected(current)
            removed += self._machines(current)
            removed += self._releases(current)
            removed += self._snapshots(current)
        removed += self.store.secrets.prune(ACTOR)
        removed += [gone.image for gone in ImagePrune(self.store, self.platforms, self.clock).run(ACTOR)]
        self._files()
        self.tidy()
        return removed

    def _files(self) -> None:
        """Files of deleted images, should a daemon have died between the catalog and the files."""
        engines = [platform.engine for platform in self.platforms.by_engine.values()]
        left = {digest for engine in engines for digest in engine.list_images()}
        for image in self.store.catalog.list(deleted=True) if left else ():
            if image.state is ImageState.DELETED and image.digest in left:
                self._remains(image, engines)

    def _remains(self, image: Image, engines: Sequence[Engine]) -> None:
        """Files of one of them. A bake or an import may be making it anew, or have done so since the list was read; one that
        begins now waits at the entrance until the old files are gone."""
        with self.alone():
            busy = self.store.operations.active(f"family:{image.family}")
            if busy is None and self.store.catalog.get(image.digest).state is ImageState.DELETED:
                for engine in engines:
                    engine.delete_image(image.digest)

    def _machines(self, current: Release) -> list[str]:
        engine = self.platforms.get(current.spec.engine).engine
        machines = {machine.name: machine for machine in engine.list_machines(current.deployment)}
        tainted = taints_of(machines, self.store.taints.of(current.deployment))
        kept = kept_machines(self.store, current.deployment, machines)
        over = [m for m in machines.values() if m.name not in kept and self._is_over(m, current, m.name in tainted)]
        for machine in over:
            why = tainted[machine.name].because if machine.name in tainted else "its time as a stopped machine is over"
            self._note("machine.delete", machine.name, why, digest=machine.digest, owner=machine.owner)
            engine.delete_machine(machine.name)
        return [machine.name for machine in over]

    def _inspected(self, current: Release) -> list[str]:
        """Machines that were kept for inspection, and of which a person has seen enough. One that serves again stays: its group
        could not be made anew."""
        engine, names = self.platforms.get(current.spec.engine).engine, set[str]()
        mine = {name for group in current.groups for name in machine_names(current, group)}
        known = self.store.drifts.quarantined(current.deployment)
        there = (
            {machine.name: machine.created_at for machine in engine.list_machines(current.deployment)} if known else {}
        )
        for one in known:
            if one.machine in mine:
                self.store.drifts.forget(one, "its group could not be made anew: it is in service still")
            elif there.get(one.machine) != one.made_at:
                self.store.drifts.forget(one, "it is gone")
            elif one.released_at is not None:
                self._note("machine.delete", one.machine, "it was kept for inspection, and let go")
                engine.delete_machine(one.machine)
                names.add(one.machine)
        return sorted(names)

    def _is_over(self, machine: Machine, current: Release, tainted: bool) -> bool:
        """A tainted machine isn't kept: nobody is to go back to it. A rollback makes one in its place."""
        group = current.groups.get(machine.group)
        if machine.power is Power.RUNNING or (
            group and group.fleet == machine.fleet and machine.index < group.spec.size
        ):
            return False
        keep = group.spec.rollout.keep_stopped if group else 0.0
        since = machine.stopped_at or machine.created_at
        return tainted or self.clock.now() - since > keep

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

    def _snapshots(self, current: Release) -> list[str]:
        """A snapshot from before a hand-over goes with the release that its disk was handed to. Others stay."""
        engine = self.platforms.get(current.spec.engine).engine
        retained = {release.number for release in self.store.releases.list(current.deployment)}
        every = engine.list_snapshots(current.deployment)
        over = [one for one in every if one.release is not None and one.release not in retained]
        for snapshot in over:
            why = f"release {snapshot.release} is no longer retained"
            self._note("snapshot.delete", snapshot.name, why, disk=snapshot.disk)
            engine.delete_snapshot(snapshot.name)
        return [snapshot.name for snapshot in over]

    def _note(self, verb: str, subject: str, reason: str, **details: str) -> None:
        with writing(self.store.db) as conn:
            fact = Fact(verb=verb, subject=subject, actor=ACTOR, reason=reason, details=details)
            append(conn, self.clock.now(), fact)
