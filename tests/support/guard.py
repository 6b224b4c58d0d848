"""A world whose daemon also looks for drift: on the world's clock, as often as its deployments declare."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.hospital import Hospital
from tests.support.simulation import World

from stoneware.model.drift import Drift, DriftReport
from stoneware.operations.drift import Drifting
from stoneware.operations.drift_sight import Gathering
from stoneware.operations.image_files import ImageFiles
from stoneware.operations.prune import Prune
from stoneware.operations.reconcile import Reconcile
from stoneware.store.settings import SettingsRecord


@dataclass
class Guard:
    """`check` looks until all is certain; `live` lets time go by with everything that the daemon does in it.

    `damaged` says of images what is wrong with their files.
    """

    world: World
    damaged: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    met: list[Drift] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """A new daemon, which remembers what is on record alone."""
        world = self.world
        files = ImageFiles(None, lambda digest: self.damaged.get(digest, ""), world.clock)
        settings = SettingsRecord(world.store.db)
        gathering = Gathering(
            world.store, world.platforms, world.clock, files, lambda: self.bases, settings=settings.edited
        )
        self.drift = Drifting(world.store, world.clock, gathering, world.clock.sleep)
        world.died = self.drift.died
        self.hospital = Hospital(world)
        self.hospital.reconcile = Reconcile(
            world.store,
            world.platforms,
            world.clock,
            self.hospital.watch,
            self.drift.remedies_of,
            self.drift.died,
        )

    def check(self, deployment: str = "town") -> DriftReport:
        """The verdict now."""
        return self.drift.check(deployment)

    def found(self) -> list[str]:
        """Class and place of all that differs now, the worst first."""
        return [_short(one) for one in self.check().drifts]

    def live(self, seconds: float, every: float = 1.0) -> list[str]:
        """What differed at any time meanwhile."""
        before = len(self._begun())
        known = dict.fromkeys(_short(one) for one in self.world.store.drifts.of())
        for _ in range(int(seconds / every)):
            self.hospital.live(every, every)
            self.drift.turn()
        return list(known | dict.fromkeys(self._begun()[before:]))

    def _begun(self) -> list[str]:
        """All that ever differed, as the ledger has it: some of it is over before anybody could look."""
        facts = [one.fact for one in self.world.store.ledger.entries(limit=100_000)]
        return [
            f"{fact.details['class']} {fact.subject} {fact.details['where']}".rstrip()
            for fact in facts
            if fact.verb == "drift.begin"
        ]

    def tidy(self) -> list[str]:
        """One pass of housekeeping."""
        world = self.world
        return Prune(world.store, world.platforms, world.clock, lambda: None).run()

    def facts(self, *verbs: str) -> list[str]:
        """What the ledger has of these verbs, in order: verb, subject, class."""
        entries = self.world.store.ledger.entries(limit=1000)
        return [
            f"{one.fact.verb} {one.fact.subject} {one.fact.details.get('class', '')}".rstrip()
            for one in entries
            if one.fact.verb in verbs
        ]


def _short(one: Drift) -> str:
    return f"{one.kind} {one.subject} {one.where}".rstrip()
