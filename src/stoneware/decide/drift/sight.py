"""What a look at one deployment has gathered: what is declared beside what is. Facts alone, of one moment.

What couldn't be looked at isn't here, and isn't judged: a service that is in no key of `routes`, a machine that is in none of
`evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stoneware.decide.fleet import wanted_machines
from stoneware.model.drift import Drift, Severity
from stoneware.model.drift_classes import CLASSES
from stoneware.model.evidence import Evidence, Inside
from stoneware.model.image import Image, Manifest
from stoneware.model.ledger import Fact
from stoneware.model.machine import Disk, Machine, Phase, Power, WantedMachine
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.model.setting import Edited
from stoneware.names import machine_name


@dataclass(frozen=True)
class ImageFacts:
    """An image that a release pins. `damage` is what is wrong with its stored files, `record` what its boot test saw inside;
    `untested`: that record isn't the one that it was published with.

    `newer_base` names what its base would be today, where that is something else. `image` is what was decided about it on record,
    `row` what the catalog says of it (None: the same).
    """

    image: Image
    manifest: Manifest
    record: Inside | None = None
    damage: str = ""
    newer_base: str = ""
    untested: bool = False
    row: Image | None = None


def answers(machine: Machine) -> bool:
    """Whether a machine says that it serves."""
    return machine.power is Power.RUNNING and machine.phase is Phase.SERVING


def is_silent(machine: Machine) -> bool:
    """Whether a machine runs and nobody knows how far it is."""
    return machine.power is Power.RUNNING and machine.phase is Phase.UNKNOWN


@dataclass(frozen=True)
class Sight:
    """`release` is the current one, `retained` all that can be gone back to, `last_number` the newest number ever given.

    `machines` and `disks` are those of this deployment, `routes` by service (None: the proxy has no such one), `extra_services`
    those with its name that it doesn't declare, `images` by digest; `spoiled` says by name what is wrong with the stored files of
    images that only earlier releases pin. `taints` says of tainted machines why. `made_disks` are disks that somebody made on
    record. `aside` are machines kept for inspection.

    `release` is as it is on record; `altered` are the places in which its row is another one (None: the ledger hasn't the whole of
    it; then `on_record` is what it says that the release pins, by group). `current_on_record` is the release that is current by
    the ledger, where that is another one (0: none is); `edited_ends` are rows that say something else of what became of a release
    (number, what about, on record, in the row). `ledger` is what is wrong with the ledger itself, `edited_settings` are
    those of the installation that aren't as it says, `refused` what nobody began or said on record, of
    late, `written_at` the latest
    time that stands there. `came_through` are those of its images that ran in the environment that they have to come from (None:
    they may come from anywhere).

    `busy` is the operation that is under way: what it works on is its own affair. `coming` is the release that it leads to, if to
    another one. `started` are machines that run, are not the release's, and were started last on record; `arriving` are those
    that were started so short a time ago that no proxy needs to know their address yet, and `leaving` those that run and were
    stopped on record: what they take down then is their shutdown's affair.
    """

    release: Release
    now: float
    machines: Mapping[str, Machine]
    disks: Mapping[str, Disk] | None = None
    routes: Mapping[str, RouteView | None] = field(default_factory=dict)
    extra_services: Sequence[str] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    images: Mapping[str, ImageFacts] = field(default_factory=dict)
    spoiled: Mapping[str, str] = field(default_factory=dict)
    retained: Sequence[Release] = ()
    last_number: int = 0
    taints: Mapping[str, str] = field(default_factory=dict)
    made_disks: frozenset[str] = frozenset()
    aside: frozenset[str] = frozenset()
    coming: Release | None = None
    started: frozenset[str] = frozenset()
    arriving: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    altered: Sequence[str] | None = None
    ledger: str = ""
    edited_settings: Sequence[Edited] = ()
    refused: Sequence[Fact] = ()
    current_on_record: int | None = None
    edited_ends: Sequence[tuple[int, str, str, str]] = ()
    on_record: Mapping[str, str] | None = None
    came_through: frozenset[str] | None = None
    written_at: float = 0.0
    busy: str = ""

    @cached_property
    def wanted(self) -> dict[str, WantedMachine]:
        """Every machine that the current release declares."""
        return {one.name: one for group in self.release.groups for one in wanted_machines(self.release, group)}

    @cached_property
    def coming_places(self) -> dict[str, WantedMachine]:
        """Every machine that the release to come declares, and the current one doesn't."""
        groups = self.coming.groups if self.coming else {}
        found = (
            {one.name: one for group in groups for one in wanted_machines(self.coming, group)} if self.coming else {}
        )
        return {name: one for name, one in found.items() if name not in self.wanted}

    @cached_property
    def in_traffic(self) -> frozenset[str]:
        """Machines to which a proxy sends requests now, and holds none of them back."""
        views = [view for view in self.routes.values() if view and not view.held]
        pools = [view.pools[slot] for view in views for slot in view.pools if view.share_of(slot)]
        return frozenset(member.machine for pool in pools for member in pool.members if not member.draining)

    @cached_property
    def serving(self) -> list[tuple[WantedMachine, Machine]]:
        """Declared machines that serve, as they say; or that say nothing any more though nothing is under way for them: whoever
        makes a machine fall silent hides nothing by it. Those of a release to come from when they have traffic on."""
        coming = {name: one for name, one in self.coming_places.items() if name in self.in_traffic}
        places = {**self.wanted, **coming}
        out = self.aside | self.leaving
        found = [(wanted, self.machines.get(name)) for name, wanted in places.items() if name not in out]
        return [(w, m) for w, m in found if m and (answers(m) or (is_silent(m) and not self.busy))]

    def is_idle(self, machine: Machine) -> bool:
        """Whether a machine of no present place is one that was declared once, and waits warm or stopped. One that runs while
        nothing is under way was left so by an operation that got stuck, or nobody knows who started it."""
        group = self.release.groups.get(machine.group)
        named = machine_name(self.release.deployment, machine.group, machine.fleet, machine.index) == machine.name
        if not named or machine.fleet > max(self.last_number, self.release.number):
            return False
        if machine.power is not Power.RUNNING:
            return True
        if group and group.fleet == machine.fleet:
            return False  # beyond the group's size, and running
        if not self.busy and machine.name not in self.started:
            return False
        return any(
            (old := release.groups.get(machine.group)) and old.fleet == machine.fleet and machine.index < old.spec.size
            for release in self.retained
        )

    def differs(
        self,
        kind: str,
        subject: str,
        expected: str,
        found: str,
        *,
        where: str = "",
        remedy: str = "",
        severity: Severity | None = None,
    ) -> Drift:
        """A difference of this deployment, seen now for the first time as far as this look knows."""
        known, machine = CLASSES[kind], self.machines.get(subject)
        return Drift.model_construct(
            kind=kind,
            view=known.view,
            severity=severity or known.severity,
            deployment=self.release.deployment,
            subject=subject,
            expected=expected,
            found=found,
            where=where,
            since=self.now,
            remedy=remedy or REMEDIES[known.about].format(subject=subject),
            policy=known.policy,
            made_at=machine.created_at if machine and known.about != "place" else 0.0,
        )


REMEDIES = {
    "machine": "make {subject} anew from its image",
    "place": "Stoneware makes {subject} anew by itself",
    "route": "apply the route of {subject} again",
    "thing": "look at {subject}",
    "record": "look at {subject}",
}
