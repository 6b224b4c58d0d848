"""The stage of one step: both releases, what the engine and the ledger say now, and the frame in the making.

A stage lives for one step. It is looked at first, acted on after; `look` refreshes it after an act.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stoneware.decide.fleet import hands_over, machine_names
from stoneware.model.machine import Disk, Machine, Phase, Power
from stoneware.model.release import PinnedGroup, Release
from stoneware.operations.platform import Platform
from stoneware.operations.procedure import Context
from stoneware.operations.rollout.frame import RolloutFrame

MOST_NAMES = 4


@dataclass
class Stage:
    """`target` is where the rollout leads, `source` what was current when it began."""

    ctx: Context
    frame: RolloutFrame
    platform: Platform
    target: Release
    source: Release | None
    machines: dict[str, Machine] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)

    def look(self) -> Stage:
        """Asks the engine what there is."""
        owner = self.target.deployment
        self.machines = {m.name: m for m in self.platform.engine.list_machines(owner)}
        self.disks = {d.name: d for d in self.platform.engine.list_disks(owner)}
        return self

    def remember(self, **changes: object) -> None:
        """Changes the frame that this step's outcome will carry."""
        self.frame = self.frame.model_copy(update=changes)

    @property
    def new(self) -> list[str]:
        """All machines of the target."""
        return names_of(self.target, self.target.groups)

    @property
    def old(self) -> list[str]:
        """All machines of the source."""
        return names_of(self.source, self.source.groups) if self.source else []

    @property
    def moving(self) -> list[str]:
        """Groups whose disks must move from old machines to new ones."""
        return [g for g in self.target.groups if hands_over(self.source, self.target, g)]

    @property
    def staying(self) -> list[str]:
        """Groups that need no hand-over."""
        return [g for g in self.target.groups if g not in self.moving]

    @property
    def changing(self) -> list[PinnedGroup]:
        """Groups of the target that get other machines, or another number of them."""
        before = self.source.groups if self.source else {}
        return [
            new
            for name, new in self.target.groups.items()
            if name not in before or (new.fleet, new.spec.size) != (before[name].fleet, before[name].spec.size)
        ]

    def services_of(self, groups: Iterable[str]) -> list[str]:
        """Services that lead to one of these groups, before or after."""
        wanted = set(groups)
        releases = [r for r in (self.source, self.target) if r]
        return sorted({s for r in releases for s, entry in r.spec.services.items() if entry.group in wanted})

    def not_in(self, names: Iterable[str], *phases: Phase) -> list[str]:
        """Which of these machines are not running in one of these phases."""
        return [name for name in names if not self._is_in(name, phases)]

    def _is_in(self, name: str, phases: tuple[Phase, ...]) -> bool:
        machine = self.machines.get(name)
        return machine is not None and machine.power is Power.RUNNING and machine.phase in phases


def names_of(release: Release, groups: Iterable[str]) -> list[str]:
    """The machines of some groups of a release."""
    return [name for group in groups if group in release.groups for name in machine_names(release, group)]


def some(names: Iterable[str]) -> str:
    """A few names, for a sentence."""
    known = sorted(names)
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return ", ".join(known[:MOST_NAMES]) + more
