"""Gathering what a look at drift needs: engines, proxies, machines and images are asked, each for itself.

What can't be reached is noted and left out: one engine that is away says nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stoneware.clock import Clock
from stoneware.decide.drift.sight import ImageFacts, Sight, answers, is_silent
from stoneware.decide.entering import taints_of, taints_on_record
from stoneware.decide.fleet import machine_names, wanted_disks
from stoneware.decide.lifecycle import newest_active
from stoneware.decide.past_images import as_decided, names_in_entries, record_of
from stoneware.errors import EngineError, NotFound, StonewareError
from stoneware.model.drift import Quarantine
from stoneware.model.evidence import Evidence
from stoneware.model.image import Delivery, Manifest
from stoneware.model.ledger import Fact, LedgerEntry
from stoneware.model.machine import Disk, Machine, Power
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.model.route import RouteView
from stoneware.model.setting import Edited
from stoneware.names import environment_deployment, service_key, split_image_name
from stoneware.operations.image_files import ImageFiles
from stoneware.operations.origins import those_that_ran
from stoneware.operations.platform import Platform, Platforms
from stoneware.operations.rollout.rollout import Rollout
from stoneware.store.forged import VERB as REFUSED
from stoneware.store.store import Store

MOST_AT_ONCE = 8
"""How many machines are asked at a time: each answers within a fraction of a second, and none is in a hurry."""

MOST_ENTRIES = 100
LATE_S = 10.0
"""How much longer than a look comes after the last one it is told that something was refused (seconds)."""

STARTED = ("machine.create", "machine.start")
ENDED = ("machine.stop", "machine.delete")

Bases = Callable[[], Mapping[str, str]]
"""The bases that new images start from, by name, with the digest of today."""


def no_bases() -> Mapping[str, str]:
    """Where no base is made."""
    return {}


@dataclass
class Gathered:
    """A sight, and what could not be seen. `whole`: nothing but what an operation works on is missing."""

    sight: Sight
    notes: list[str] = field(default_factory=list)
    whole: bool = True


@dataclass
class Gathering:
    """`files` looks after the stored files of images, `ledger` says what is wrong with the ledger, `settings` which
    settings of the installation aren't what it says."""

    store: Store
    platforms: Platforms
    clock: Clock
    files: ImageFiles
    bases: Bases = no_bases
    ledger: Callable[[], str] = lambda: ""
    settings: Callable[[], Sequence[Edited]] = tuple
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="drift")
    )

    def look(self, release: Release) -> Gathered | None:
        """One look at a deployment; None when its engine can't be looked at or nothing of it is current any more.

        Whatever was under way before it or after it was under way: a look takes time.
        """
        name, platform = release.deployment, self.platforms.get(release.spec.engine)
        before, notes = self.store.operations.active(name), list[str]()
        self.store.releases.read_again(name, release.number)
        machines = {one.name: one for one in platform.engine.list_machines(name)}
        disks = _try(lambda: platform.engine.list_disks(name), notes)
        coming = self._coming(release, before)
        sides = [one for one in (release, coming) if one]
        services = {service for one in sides for service in one.spec.services}
        routes = self._routes(name, services, platform, notes)
        evidence = self._evidence(platform, machines, notes)
        all_answered = not notes
        images = self._images(sides, notes)
        busy = before or self.store.operations.active(name)
        whole = all_answered or busy is not None  # a machine that an operation ends doesn't answer, either
        fresh = self.store.releases.current(name)
        if fresh is None or fresh.number != release.number:
            return None  # it became another one meanwhile: the next look is at that
        release = fresh
        aside = {
            one.machine
            for one in kept_aside(self.store, release)
            if (seen := machines.get(one.machine)) and seen.created_at == one.made_at
        }
        if busy:
            notes.append(
                f"{busy.id} is under way: what it makes of machines, disks and routes is compared when it has ended"
            )
        retained = self.store.releases.list(name)
        altered = self.store.releases.altered(name, release.number)
        sight = Sight(
            release=release,
            now=self.clock.now(),
            machines=machines,
            disks={one.name: one for one in disks} if disks is not None else None,
            routes=routes,
            extra_services=self._extra_services(name, services, platform, notes),
            evidence=evidence,
            images=images,
            spoiled=self._spoiled(retained, images),
            retained=retained,
            last_number=self.store.releases.next_number(name) - 1,
            taints=self._taints(name, machines),
            made_disks=self._made(release, disks or ()),
            altered=altered,
            ledger=self.ledger(),
            edited_settings=self.settings(),
            refused=self._refused(release),
            current_on_record=self.store.releases.otherwise_on_record(release),
            edited_ends=self.store.releases.edited_ends(name),
            on_record=self._on_record(release) if altered is None else None,
            came_through=self._came_through(release),
            written_at=self.store.ledger.written_at(),
            aside=frozenset(aside),
            coming=coming,
            started=self._started(release, machines),
            arriving=self._arriving(sides, machines, routes) if busy else frozenset(),
            leaving=self._leaving(machines) if busy else frozenset(),
            busy=busy.id if busy else "",
        )
        return Gathered(sight, notes, whole)

    def _coming(self, release: Release, busy: OperationRecord | None) -> Release | None:
        """The release that an operation leads to, where that is another one."""
        number = busy.frame.get("target") if busy and busy.kind == Rollout.kind else None
        if number in (None, release.number):
            return None
        try:
            return self.store.releases.get(release.deployment, int(str(number)))
        except NotFound:
            return None

    def _refused(self, release: Release) -> list[Fact]:
        """What nobody began or said on record, for as long as somebody who looks each time sees it. A clock that is set back
        makes nothing new of what is long told: the time is the ledger's where that is later."""
        now = max(self.clock.now(), self.store.ledger.written_at())
        since = now - (LATE_S + release.spec.drift.interval)
        found = self.store.ledger.entries(subject=release.deployment, verb=REFUSED, since=since, limit=MOST_ENTRIES)
        return [one.fact for one in found]

    def _started(self, release: Release, machines: Mapping[str, Machine]) -> frozenset[str]:
        """Of the machines that run and aren't the release's: those that somebody started on record, and stopped no more."""
        mine = {name for group in release.groups for name in machine_names(release, group)}
        others = [one.name for one in machines.values() if one.power is Power.RUNNING and one.name not in mine]
        last = self._last(others)
        return frozenset(name for name in last if last[name].fact.verb in STARTED)

    def _arriving(
        self, sides: Sequence[Release], machines: Mapping[str, Machine], routes: Mapping[str, RouteView | None]
    ) -> frozenset[str]:
        """Of the machines that proxies know by another address: those that were started on record, and have time yet to become
        healthy. Whoever began that tells the proxies then. (A machine that is made anew has another address, if its old one isn't
        free so soon.)"""
        pools = [pool for view in routes.values() if view for pool in view.pools.values()]
        known = [(machines[one.machine], one) for pool in pools for one in pool.members if one.machine in machines]
        astray = {machine.name for machine, one in known if one.address not in machine.addresses.values()}
        if not astray:
            return frozenset()
        patience_s = max(group.spec.health.deadline for side in sides for group in side.groups.values())
        last = self._last(astray)
        fresh = {name for name, one in last.items() if 0 <= self.clock.now() - one.at <= patience_s}
        return frozenset(name for name in fresh if last[name].fact.verb in STARTED)

    def _leaving(self, machines: Mapping[str, Machine]) -> frozenset[str]:
        """Of the machines that run: those that were stopped on record, and shut down now."""
        last = self._last([one.name for one in machines.values() if one.power is Power.RUNNING])
        return frozenset(name for name in last if last[name].fact.verb in ENDED)

    def _last(self, names: Collection[str]) -> dict[str, LedgerEntry]:
        """The latest entries about machines being started or ended, by name."""
        found = self.store.ledger.about(names, "machine") if names else []
        return {one.fact.subject: one for one in found if one.fact.verb in (*STARTED, *ENDED)}

    def _routes(
        self, deployment: str, services: Collection[str], platform: Platform, notes: list[str]
    ) -> dict[str, RouteView | None]:
        found: dict[str, RouteView | None] = {}
        for service in sorted(services):
            try:
                found[service] = platform.switch.read(service_key(deployment, service))
            except EngineError as away:
                notes.append(f"{service}: {away}")
        return found

    def _extra_services(
        self, deployment: str, services: Collection[str], platform: Platform, notes: list[str]
    ) -> list[str]:
        declared = {service_key(deployment, service) for service in services}
        try:
            known = platform.switch.services()
        except EngineError as away:
            notes.append(str(away))
            return []
        mine = service_key(deployment, "")
        return [name for name in known if name.startswith(mine) and name not in declared]

    def _evidence(self, platform: Platform, machines: Mapping[str, Machine], notes: list[str]) -> dict[str, Evidence]:
        engine = platform.engine
        asked = [one.name for one in machines.values() if answers(one) or is_silent(one)]

        def ask(name: str) -> Evidence | str:
            try:
                return engine.attest(name)
            except NotFound:
                return ""  # it went meanwhile
            except EngineError as away:
                return f"{name}: {away}"

        said = list(self._pool.map(ask, asked))
        notes += [one for one in said if isinstance(one, str) and one]
        return {one.machine: one for one in said if isinstance(one, Evidence)}

    def _taints(self, deployment: str, machines: Mapping[str, Machine]) -> dict[str, str]:
        """Why machines are tainted, by their rows and by the ledger: who deletes a row takes nothing back."""
        rows = {one: taint.because for one, taint in taints_of(machines, self.store.taints.of(deployment)).items()}
        return taints_on_record(machines, self.store.ledger.about(list(machines), "machine.taint")) | rows

    def _images(self, sides: Sequence[Release], notes: list[str]) -> dict[str, ImageFacts]:
        found = {}
        bases = self.bases()
        delivery: Delivery = "container" if sides[0].spec.engine == "container" else "vm"
        pinned: dict[str, set[str]] = {}
        for group in (group for one in sides for group in one.groups.values()):
            pinned.setdefault(group.digest, set()).add(group.image)
        for digest, names in pinned.items():
            try:
                image = self.store.catalog.get(digest)
                manifest, tested = self.store.catalog.manifest(digest), self.store.catalog.boot_test(digest)
            except StonewareError as gone:
                notes.append(str(gone))
                continue
            record = tested.inside.get(delivery) if tested else None
            if record is None:
                notes.append(f"{image.name} has no record of what its boot test saw inside: bake it again")
            newer = self._newer_base(manifest, bases)
            damage = "its record in the catalog was changed" if manifest.digest != digest else self.files.damage(digest)
            entries = self.store.ledger.about(names_in_entries(image, names), "image")
            mark = record_of(digest, entries)
            untested = mark not in ("", self.store.catalog.boot_test_mark(digest))
            decided = as_decided(image, entries)
            row = image if decided != image else None
            found[digest] = ImageFacts(decided, manifest, record, damage, newer, untested, row)
        return found

    def _spoiled(self, retained: Sequence[Release], judged: Collection[str]) -> dict[str, str]:
        """What is wrong with images that only releases pin which could be gone back to."""
        pinned = {one.digest: one.image for release in retained for one in release.groups.values()}
        looked = {name: self.files.damage(digest) for digest, name in pinned.items() if digest not in judged}
        return {name: damage for name, damage in looked.items() if damage}

    def _newer_base(self, manifest: Manifest, bases: Mapping[str, str]) -> str:
        """What the image's base would be today; empty when it is that already, or nobody knows."""
        base, digest = manifest.recipe.base.removeprefix("localhost/"), manifest.recipe.base_digest
        named = split_image_name(base)
        newest = bases.get(base, "")
        if named:
            image = newest_active(self.store.catalog.list(named[0]), self.clock.now())
            newest = image.digest if image else ""
        return newest if digest and newest != digest else ""

    def _made(self, release: Release, disks: Sequence[Disk]) -> frozenset[str]:
        """Of the disks that are declared no more, or never were: those that somebody made on record."""
        declared = {disk.name for group in release.groups for disk in wanted_disks(release, group)}
        return self.store.drifts.made_disks([disk.name for disk in disks if disk.name not in declared])

    def _came_through(self, release: Release) -> frozenset[str] | None:
        """Those of a release's images that ran in the environment before; None where it has none before it."""
        belongs = release.environment
        if belongs is None or not belongs.after:
            return None
        return those_that_ran(
            self.store, environment_deployment(belongs.deployment, belongs.after), release.digests.values()
        )

    def _on_record(self, release: Release) -> Mapping[str, str] | None:
        """What the ledger says that a release pins, by group: all that older entries have of one."""
        entries = self.store.ledger.entries(subject=f"{release.deployment}#{release.number}", limit=MOST_ENTRIES)
        made = [one.fact for one in entries if one.fact.verb == "release.create"]
        return made[0].details if made else None


def kept_aside(store: Store, release: Release) -> list[Quarantine]:
    """Machines that are kept for inspection beside a release. One that is its own serves still: the group is being made anew, or
    could not be."""
    mine = {name for group in release.groups for name in machine_names(release, group)}
    return [one for one in store.drifts.quarantined(release.deployment) if one.machine not in mine]


def _try(look: Callable[[], Sequence[Disk]], notes: list[str]) -> Sequence[Disk] | None:
    try:
        return look()
    except EngineError as away:
        notes.append(str(away))
        return None
