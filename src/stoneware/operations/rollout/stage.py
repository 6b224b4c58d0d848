"""The stage of one step: both releases, what the engine and the ledger say now, and the frame in the making.

A stage lives for one step. It is looked at first, acted on after; `look` refreshes it after an act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from stoneware.decide.ageing import by_turns
from stoneware.decide.entering import taints_of
from stoneware.decide.fleet import baseline_machine, hands_over, machine_names
from stoneware.model.deployment import HealthSpec
from stoneware.model.machine import Disk, Machine, Phase, Power, WantedMachine
from stoneware.model.operation import OperationRecord
from stoneware.model.release import PinnedGroup, Release
from stoneware.model.strategy import CanaryStep, Strategy
from stoneware.model.taint import Taint
from stoneware.names import is_baseline
from stoneware.operations.platform import Platform
from stoneware.operations.procedure import Context
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.store.store import Store

MOST_NAMES = 4

Died = Callable[[Release, Sequence[str], str], None]
"""Hears of declared machines whose process is gone though nobody here ended it, and of what is done about it."""


def nobody_hears(_release: Release, _names: Sequence[str], _because: str) -> None:
    """Where nobody keeps a record of it."""


@dataclass
class Stage:
    """`target` is where the rollout leads, `source` what was current when it began.

    `under_way` tells of all unfinished operations, `died` hears of machines that did. `leaving` are machines that no pool has any
    more, `tainted` those that nobody can vouch for, `kept_away` those that stay in their pool and get nothing new. `waiting` counts
    those that can't boot yet, `queued` says why.
    """

    ctx: Context
    frame: RolloutFrame
    platform: Platform
    target: Release
    source: Release | None
    store: Store
    machines: dict[str, Machine] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    under_way: Callable[[], Sequence[OperationRecord]] = tuple
    died: Died = nobody_hears
    leaving: frozenset[str] = frozenset()
    tainted: dict[str, Taint] = field(default_factory=dict)
    kept_away: frozenset[str] = frozenset()
    waiting: int = 0
    queued: str = ""

    def look(self) -> Stage:
        """Asks the engine what there is."""
        owner = self.target.deployment
        self.machines = {m.name: m for m in self.platform.engine.list_machines(owner)}
        self.disks = {d.name: d for d in self.platform.engine.list_disks(owner)}
        self.tainted = taints_of(self.machines, self.store.taints.of(owner))
        self.kept_away |= {name for name, taint in self.tainted.items() if taint.drained}
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
    def replaced(self) -> list[str]:
        """Groups that ran before and get other machines."""
        before = self.source.groups if self.source else {}
        return [g for g, new in self.target.groups.items() if g in before and before[g].fleet != new.fleet]

    def _by(self, strategy: Strategy) -> list[str]:
        return [g for g in self.replaced if self._strategy_of(g) == strategy]

    def _strategy_of(self, group: str) -> Strategy:
        spec = self.target.groups[group].spec
        return "rolling" if self.frame.by_turns and by_turns(spec) else spec.rollout.strategy

    @property
    def recreated(self) -> list[str]:
        """Groups whose old machines stop before the new ones start."""
        return self._by("recreate")

    @property
    def rolling(self) -> list[str]:
        """Groups that are replaced by turns. A rollback is direct, and so is a group that a service leads to or from only now."""
        return [] if self.frame.rollback else [g for g in self._by("rolling") if g not in self.redirected]

    @property
    def redirected(self) -> set[str]:
        """Groups of services that lead from one group to another: their requests have no common pool."""
        known = self.source.spec.services if self.source else {}
        pairs = [(known[s].group, entry.group) for s, entry in self.target.spec.services.items() if s in known]
        return {group for pair in pairs if pair[0] != pair[1] for group in pair}

    @property
    def canaries(self) -> list[str]:
        """Groups whose new machines get a growing share first. A rollback is direct."""
        return [] if self.frame.rollback else self._by("canary")

    @property
    def moving(self) -> list[str]:
        """Groups whose disks move from old machines that are up to new ones that are up."""
        return [g for g in self.target.groups if hands_over(self.source, self.target, g) and g not in self.recreated]

    @property
    def strays(self) -> list[str]:
        """Machines of neither release, which an operation left that got stuck. They may have disks still."""
        kept = {*self.new, *self.old, *(machine.name for machine in self.baselines)}
        fleets = {(g, pinned.fleet) for r in (self.source, self.target) if r for g, pinned in r.groups.items()}
        return [name for name, m in self.machines.items() if name not in kept and (m.group, m.fleet) not in fleets]

    @property
    def held(self) -> list[str]:
        """Groups whose requests wait for a while."""
        return [*self.moving, *self.recreated]

    @property
    def warm(self) -> list[str]:
        """Groups whose old machines could serve at once after a switch: those that were held have no data any more, or are
        stopped. Such a one may answer nothing at all, and the answers of all others would wait for its timeout."""
        return [g for g in self.source.groups if g not in self.held] if self.source else []

    @property
    def bystanders(self) -> list[str]:
        """Groups that this rollout doesn't change. What dies of them isn't its fault; what answers badly may well be."""
        if self.source is None or self.source.number == self.target.number:
            return []
        return [name for name in self.target.groups if name not in self._changed]

    @property
    def later(self) -> list[str]:
        """Groups whose new machines are made only when the old ones make way."""
        return [*self.recreated, *self.rolling]

    @property
    def early(self) -> list[str]:
        """Groups whose new machines are made at once."""
        return [*self.beside, *self.moving]

    @property
    def held_services(self) -> list[str]:
        """Services whose requests wait: those of the held groups which answer today."""
        known = self.source.spec.services if self.source else {}
        return [s for s in self.services_of(self.held) if s in known and s in self.target.spec.services]

    @property
    def canary_services(self) -> dict[str, str]:
        """The services in which a canary gets a share, with their group: those that answer today."""
        known = self.source.spec.services if self.source else {}
        entries = self.target.spec.services.items()
        return {s: e.group for s, e in entries if s in known and known[s].group == e.group and e.group in self.canaries}

    @property
    def proving(self) -> dict[str, HealthSpec]:
        """Machines that have to prove their health before any traffic moves."""
        baselines = {m.name: self.target.groups[m.group].spec.health for m in self.baselines}
        return people(self.target, self.beside) | baselines

    @property
    def all_new(self) -> dict[str, HealthSpec]:
        """All machines of the target, each with the check that it has to pass."""
        return people(self.target, self.target.groups)

    @property
    def beside(self) -> list[str]:
        """Groups whose new machines are brought to full health while the old ones serve."""
        return [g for g in self.target.groups if g not in (*self.moving, *self.recreated, *self.rolling)]

    def canary_steps(self) -> list[CanaryStep]:
        """The steps of all canaries together: each group goes on at its own share, and the longest decides."""
        each = [self.target.groups[g].spec.rollout.canary_steps for g in self.canaries]
        count = max((len(steps) for steps in each), default=0)
        return [_joined([steps[min(i, len(steps) - 1)] for steps in each]) for i in range(count)]

    @property
    def canary_step(self) -> CanaryStep | None:
        """The step that is under way."""
        steps = self.canary_steps()
        return steps[self.frame.step] if self.frame.step < len(steps) else None

    def share_of(self, group: str) -> int:
        """The share that a canary group has in the present step."""
        steps = self.target.groups[group].spec.rollout.canary_steps
        return steps[min(self.frame.step, len(steps) - 1)].share

    @property
    def baselines(self) -> list[WantedMachine]:
        """One fresh machine of the old version for each canary that wants to be compared with one."""
        those = [g for g in self.canaries if self.target.groups[g].spec.rollout.baseline]
        return [baseline_machine(self.source, self.target, g) for g in those if self.source]

    @property
    def helpers(self) -> list[str]:
        """Baselines that are there: this rollout's, and those that an operation left which got stuck."""
        return [name for name in self.machines if is_baseline(name)]

    @property
    def changing(self) -> list[PinnedGroup]:
        """Groups of the target that get other machines, or another number of them."""
        return [self.target.groups[name] for name in self._changed]

    @property
    def _changed(self) -> list[str]:
        before = self.source.groups if self.source else {}
        return [
            name
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


def _joined(steps: list[CanaryStep]) -> CanaryStep:
    return CanaryStep.model_construct(
        share=max(step.share for step in steps),
        duration=max(step.duration for step in steps),
        approval=any(step.approval for step in steps),
    )


def people(release: Release | None, groups: Iterable[str]) -> dict[str, HealthSpec]:
    """The machines of some groups of a release, each with the check that it has to pass."""
    if release is None:
        return {}
    return {
        name: release.groups[group].spec.health
        for group in groups
        if group in release.groups
        for name in machine_names(release, group)
    }


def names_of(release: Release | None, groups: Iterable[str]) -> list[str]:
    """The machines of some groups of a release."""
    if release is None:
        return []
    return [name for group in groups if group in release.groups for name in machine_names(release, group)]


def some(names: Iterable[str]) -> str:
    """A few names, for a sentence."""
    known = sorted(names)
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return ", ".join(known[:MOST_NAMES]) + more
