"""What should run, runs, is well and can be vouched for: a machine of the current release that died, stays sick, is tainted or
has drifted is made anew.

That is an operation like any other, a rollout of the current release to itself: it makes what is missing from the pinned image,
gives it its disks back, waits for its health, and is in history and ledger. Whatever else is under way goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stoneware.clock import Clock
from stoneware.decide.drift.remedy import Remedies
from stoneware.decide.entering import serves
from stoneware.decide.fleet import machine_names
from stoneware.decide.healing import Condition, Healing, Relapses, heal
from stoneware.errors import Conflict
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release
from stoneware.operations.picture import Picture, look
from stoneware.operations.platform import Platforms
from stoneware.operations.quarantine import Quarantining
from stoneware.operations.renewing import Renewing
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.operations.tainted import Tainted
from stoneware.operations.watch import Patient, Watch
from stoneware.store.store import Store

ACTOR = "stoneware"
PAUSE_S = 60.0
"""How long it waits after a repair that didn't succeed."""


@dataclass(frozen=True)
class Reconcile:
    """`run` is one look at every deployment. `notes` says of each what is wrong in it and isn't being mended now.

    `remedies` says what is to be done about a deployment's drift. `died` hears of machines that are made anew because their
    process is gone, and of the operation that does it.
    """

    store: Store
    platforms: Platforms
    clock: Clock
    watch: Watch
    remedies: Callable[[Release], Remedies] = lambda _: Remedies()
    died: Callable[[Release, Sequence[str], str], None] = lambda *_: None
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _relapses: dict[str, Relapses] = field(default_factory=dict)
    _vouched: dict[str, int] = field(default_factory=dict)

    def run(self) -> list[OperationRecord]:
        """Starts what is needed. Returns the operations that were started.

        Raises EngineError when an engine couldn't be looked at, after all that others needed was done.
        """
        self.store.operations.refuse_forged()
        picture = look(self.store, self.platforms)
        tainted = Tainted(self.store, self.platforms, ACTOR)
        tainted.settle()
        self.watch.follow(self._patients(picture))
        self._forget(picture)
        started, well = [], []
        for release in picture.at_rest:
            if not self._is_current(release):
                continue
            machines, remedies = picture.machines[release.deployment], self.remedies(release)
            healing = self._healing(release, machines, tainted, remedies)
            because = [*remedies.because, *(line for one in healing for line in one.because)]
            self.notes[release.deployment] = tuple(because)
            repairs = self._repair(release, machines, healing, remedies)
            if not repairs and remedies.quarantine:
                repairs, why = Quarantining(self.store, self.clock, ACTOR).run(release, machines, remedies.quarantine)
                self.notes[release.deployment] += (why,) if why else ()
            started += repairs
            if not self.notes[release.deployment]:
                self.notes.pop(release.deployment)
                well += [] if repairs else [release]
        started += self._renewing.run(picture, well)
        for gone in picture.away.values():
            raise gone
        return started

    def _is_current(self, release: Release) -> bool:
        """Whether a release is current on record: nobody makes anew what an edited row declares. Asked once for each."""
        name = release.deployment
        if self._vouched.get(name) == release.number:
            return True
        number = self.store.releases.otherwise_on_record(release)
        if number is None:
            self._vouched[name] = release.number
            return True
        self.notes[name] = (f"release {number or 'none'} is current on record, and a row says {release.number}",)
        return False

    @property
    def _renewing(self) -> Renewing:
        return Renewing(self.store, self.clock, ACTOR, self.platforms, self.notes)

    def notes_of(self, deployment: str) -> tuple[str, ...]:
        """What is wrong in a deployment and isn't being mended now, as sentences."""
        return self.notes.get(deployment, ())

    def _forget(self, picture: Picture) -> None:
        """What is known of machines and deployments that may be gone for long."""
        known, now = {release.deployment for release in picture.current}, self.clock.now()
        for name in [name for name in self.notes if name not in known]:
            del self.notes[name]
        for name in [name for name, relapses in self._relapses.items() if relapses.over(now)]:
            del self._relapses[name]

    def _patients(self, picture: Picture) -> list[Patient]:
        """Everyone in service. What an operation works on is asked by the operation."""
        found = []
        for release in picture.at_rest:
            ask, machines = self.platforms.get(release.spec.engine).ask, picture.machines[release.deployment]
            for group, pinned in release.groups.items():
                probe = pinned.spec.health.http or pinned.spec.health.tcp
                for name in machine_names(release, group):
                    seen = machines.get(name)
                    address = seen.addresses.get(probe.port) if seen and probe and not _is_lost(seen) else None
                    if address:
                        found.append(Patient(name, address, pinned.spec.health, ask))
        return found

    def _healing(
        self, release: Release, machines: Mapping[str, Machine], tainted: Tainted, remedies: Remedies
    ) -> list[Healing]:
        now, found = self.clock.now(), []
        taints, visited = tainted.of(release.deployment, machines), tainted.visited()
        for group, pinned in release.groups.items():
            names = machine_names(release, group)
            sick, unwell = self.watch.sick(names), []
            for name in names:
                seen, relapses = machines.get(name), self._relapses.get(name)
                if seen is None or _is_lost(seen):
                    unwell.append(Condition(name, "died", lost=True, relapses=relapses or Relapses()))
                elif name in visited:
                    continue  # what somebody does to it now is no illness; it goes when they have left
                elif name in taints:
                    unwell.append(Condition(name, taints[name].because, tainted=True))
                elif name in sick:
                    unwell.append(Condition(name, sick[name], relapses=relapses or Relapses()))
                elif remedies.replace.get(name, ("", None))[1] == seen.created_at:
                    unwell.append(Condition(name, remedies.replace[name][0], relapses=relapses or Relapses()))
            if unwell:
                found.append(heal(group, pinned.spec.size, pinned.spec.rollout.unavailable, unwell, now))
        return found

    def _repair(
        self, current: Release, machines: Mapping[str, Machine], healing: list[Healing], remedies: Remedies
    ) -> list[OperationRecord]:
        """A rollout of the current release to itself sets every route again, whatever else it is for."""
        revive = [one for found in healing for one in found.revive]
        replace = [one for found in healing for one in found.replace]
        if not (revive or replace or remedies.routes):
            return []
        if self._failed_lately(current.deployment):
            known = self.notes_of(current.deployment)
            self.notes[current.deployment] = (*known, f"its last repair did not succeed; the next waits {PAUSE_S:g}s")
            return []
        if alone := self._alone(current, machines, replace):
            return self._renewing.begin(
                current, alone, reason_of([], [one for one in replace if one.tainted], Remedies())
            )
        frame = RolloutFrame(
            target=current.number,
            source=current.number,
            rollback=True,
            entered_at=self.clock.now(),
            replace={one.name: machines[one.name].created_at for one in replace},
            mends=tuple(one.name for one in (*revive, *replace)),
        )
        try:
            record = self.store.operations.create(
                kind="rollout",
                subject=current.deployment,
                actor=ACTOR,
                reason=reason_of(revive, replace, remedies),
                state=Rollout.first,
                frame=frame,
                told=frame.told(),
            )
        except Conflict:
            return []  # a person was quicker
        for one in (one for one in (*revive, *replace) if not one.tainted):
            self._relapses[one.name] = self._relapses.get(one.name, Relapses()).again(self.clock.now())
        gone = [one.name for one in revive if (seen := machines.get(one.name)) is None or _has_ended(seen)]
        if gone:
            self.died(current, gone, f"{record.id} makes {'it' if len(gone) == 1 else 'them'} anew")
        return [record]

    def _alone(
        self, current: Release, machines: Mapping[str, Machine], replace: Sequence[Condition]
    ) -> tuple[str, ...]:
        """Groups that would have nobody to serve while a tainted machine is made anew: those get a fresh fleet first, as they
        declare it, and nobody misses an answer. A revoked image makes no fresh one; then the machine goes first."""
        if self._renewing.may_not_be_started(current):
            return ()
        tainted = {machines[one.name].group for one in replace if one.tainted}
        going = {one.name for one in replace}
        return tuple(
            group
            for group in sorted(tainted)
            if not any(serves(machines.get(name)) for name in machine_names(current, group) if name not in going)
        )

    def _failed_lately(self, deployment: str) -> bool:
        """Whether a repair has just failed; or the deployment was to be destroyed, and that got stuck: nobody wants it back."""
        last = self.store.operations.ended(deployment, ("rollout", "teardown"))
        if last and last[0].kind == "teardown":
            return True
        if not last or last[0].actor != ACTOR or last[0].result is Result.SUCCEEDED:
            return False
        return self.clock.now() - (last[0].ended_at or 0.0) < PAUSE_S


def reason_of(revive: Sequence[Condition], replace: Sequence[Condition], remedies: Remedies) -> str:
    """The reason of a repair: `town-web-r1-0 died; sick: town-web-r1-1: HTTP 500`."""
    tainted = [one for one in replace if one.tainted]
    drifted = [one for one in replace if one.why == remedies.replace.get(one.name, ("", 0.0))[0]]
    parts = {
        "sick": [f"{one.name}: {one.why}" for one in replace if one not in (*tainted, *drifted)],
        "tainted": [f"{one.name}: {one.why}" for one in tainted],
        "drifted": [f"{one.name}: {one.why}" for one in drifted],
        "routes are set again": [f"{name}: {why}" for name, why in remedies.routes.items()],
    }
    lost = [f"{', '.join(one.name for one in revive)} died"] if revive else []
    return "; ".join([*lost, *(f"{what}: {'; '.join(those)}" for what, those in parts.items() if those)])


def _is_lost(machine: Machine) -> bool:
    return _has_ended(machine) or machine.phase is Phase.FAILED


def _has_ended(machine: Machine) -> bool:
    return machine.power is not Power.RUNNING
