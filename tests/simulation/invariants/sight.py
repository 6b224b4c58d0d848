"""What an invariant sees: the world, the moment, and what it has to remember from earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.simulation.world import World

from stoneware.decide.fleet import fleet_name, machine_names, pool_label
from stoneware.model.deployment import RolloutSpec
from stoneware.model.machine import WantedMachine
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.model.route import MemberState, RouteView

MIXED = ".."
Shares = dict[str, int]
"""Which fleet gets how many percent of the requests."""


@dataclass
class Memory:
    """`shares` by service, `contents` by machine, `labels` tells a pool's machines, `noted` has (verb, subject, operation)."""

    shares: dict[str, Shares] = field(default_factory=dict)
    contents: dict[str, WantedMachine] = field(default_factory=dict)
    labels: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    noted: dict[tuple[str, str, str], float] = field(default_factory=dict)
    read_to: int = 0
    current: dict[str, int | None] = field(default_factory=dict)
    disks: set[str] = field(default_factory=set)
    token: int = 0
    made_by: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, tuple[float, Shares]] = field(default_factory=dict)
    disturbed_at: dict[str, float] = field(default_factory=dict)
    versions: dict[str, set[str]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    serving: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """`when` is `before` or `after`; `verb` and `name` are those of the effect."""

    world: World
    memory: Memory
    when: str
    verb: str
    name: str


Asks = TypeVar("Asks", bound=Callable[..., Any])


def at(when: str, *verbs: str) -> Callable[[Asks], Asks]:
    """Marks an invariant with the effects at which it is asked: `before` or `after` these verbs. It may have several marks."""

    def mark(ask: Asks) -> Asks:
        moments.setdefault(ask.__name__, set()).update((when, verb) for verb in verbs)
        return ask

    return mark


moments: dict[str, set[tuple[str, str]]] = {}
"""When each invariant is asked, by its name."""


def shares_of(view: RouteView | None) -> Shares:
    """The whole of a route as shares: nobody gets any while requests are held or refused."""
    if view is None or view.held or view.active is None:
        return {}
    return {pool.fleet: view.share_of(slot) for slot, pool in view.pools.items() if view.share_of(slot)}


def is_mixed(label: str) -> bool:
    """Whether this is the name of a pool in which two versions take turns."""
    return MIXED in label


def serving(view: RouteView | None) -> dict[str, str]:
    """Who answers what is new, with its fleet: the proxy sees it up, in a pool with a share, and it isn't on its way out."""
    shares = shares_of(view)
    pools = [pool for pool in view.pools.values() if pool.fleet in shares] if view else []
    members = [member for pool in pools for member in pool.members]
    return {m.machine: fleet_of(m.machine) for m in members if m.state is MemberState.UP and not m.draining}


def fleet_of(machine: str) -> str:
    """The fleet of a machine, by its name. A baseline is one more machine of its fleet."""
    return machine.partition("-base-")[0] if "-base-" in machine else machine.rpartition("-")[0]


@dataclass(frozen=True)
class Change:
    """What a rollout does to one group: from which release to which, when it isn't direct."""

    record: OperationRecord
    source: Release
    target: Release
    group: str

    @property
    def rollout(self) -> RolloutSpec:
        return self.target.groups[self.group].spec.rollout

    def fleets(self) -> tuple[str, str]:
        """The names of the old fleet and of the new one."""
        old, new = (
            fleet_name(r.deployment, self.group, r.groups[self.group].fleet) for r in (self.source, self.target)
        )
        return old, new


def changes(world: World) -> list[Change]:
    """The groups that the operation which acts now replaces."""
    record = world.acts[-1].record if world.acts else None
    if record is None or record.kind != "rollout" or record.frame["source"] is None:
        return []
    source = world.store.releases.get(record.subject, record.frame["source"])
    target = world.store.releases.get(record.subject, record.frame["target"])
    both = [name for name in target.groups if name in source.groups]
    return [
        Change(record, source, target, name) for name in both if source.groups[name].fleet != target.groups[name].fleet
    ]


def declared(world: World, memory: Memory, service: str, label: str) -> tuple[str, ...]:
    """The machines that stand for a pool when it has its whole strength. A baseline stands for itself."""
    if "-base-" in label:
        return (label,)
    if (service, label) not in memory.labels:
        deployment, _, name = service.partition(".")
        for release in world.store.releases.list(deployment):
            if name in release.spec.services:
                group = release.spec.services[name].group
                memory.labels[service, pool_label(release, name)] = machine_names(release, group)
    return memory.labels.get((service, label), ())


def all_names(release: Release) -> list[str]:
    """All machines of a release."""
    return [name for group in release.groups for name in machine_names(release, group)]
