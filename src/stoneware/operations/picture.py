"""One look at everything that runs: what is meant to be current, what is under way, and what the engines show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoneware.errors import EngineError
from stoneware.model.machine import Machine
from stoneware.model.operation import OperationRecord
from stoneware.model.release import Release
from stoneware.operations.platform import Platforms
from stoneware.store.store import Store


@dataclass(frozen=True)
class Picture:
    """`machines` are by deployment and name. `away` are engines that couldn't be looked at, with why."""

    current: Sequence[Release]
    under_way: Mapping[str, OperationRecord]
    machines: Mapping[str, Mapping[str, Machine]]
    away: Mapping[str, EngineError]

    @property
    def at_rest(self) -> list[Release]:
        """Current releases of deployments in which nothing is under way, on engines that could be looked at."""
        return [r for r in self.current if r.deployment not in self.under_way and r.spec.engine not in self.away]


def look(store: Store, platforms: Platforms) -> Picture:
    """Each engine is asked once, however many deployments it has. What is under way is read first: what an operation has
    ended meanwhile is looked at the next time."""
    under_way = store.operations.under_way()
    current = store.releases.currents()
    machines: dict[str, dict[str, Machine]] = {release.deployment: {} for release in current}
    away: dict[str, EngineError] = {}
    for engine in sorted({release.spec.engine for release in current}):
        try:
            seen = platforms.get(engine).engine.list_machines()
        except EngineError as gone:
            away[engine] = gone
            continue
        for machine in seen:
            if machine.owner in machines:
                machines[machine.owner][machine.name] = machine
    return Picture(current, under_way, machines, away)
