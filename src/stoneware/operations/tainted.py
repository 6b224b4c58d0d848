"""Which machines are tainted now, and which taints are over because their machine is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stoneware.decide.entering import taints_of
from stoneware.errors import StonewareError
from stoneware.model.machine import Machine
from stoneware.model.taint import Taint
from stoneware.operations.platform import Platforms
from stoneware.store.store import Store


@dataclass(frozen=True)
class Tainted:
    """`actor` is who the record says it was."""

    store: Store
    platforms: Platforms
    actor: str

    def settle(self) -> None:
        """Ends the taints of machines that are gone. What can't be looked at is looked at the next time."""
        taints = self.store.taints.of()
        seen: dict[tuple[str, str], set[tuple[str, float]] | None] = {}
        for taint in taints:
            place = (taint.engine, taint.deployment)
            if place not in seen:
                seen[place] = self._there(*place)
            there = seen[place]
            if there is not None and (taint.machine, taint.made_at) not in there:
                self.store.taints.end(taint, self.actor, "the machine is gone")

    def of(self, deployment: str, machines: Mapping[str, Machine]) -> dict[str, Taint]:
        """The taints of these machines, by name."""
        return taints_of(machines, self.store.taints.of(deployment))

    def visited(self) -> frozenset[str]:
        """Machines that somebody is in now."""
        return frozenset(session.machine for session in self.store.shells.open())

    def _there(self, engine: str, deployment: str) -> set[tuple[str, float]] | None:
        try:
            machines = self.platforms.get(engine).engine.list_machines(deployment)
        except StonewareError:
            return None
        return {(machine.name, machine.created_at) for machine in machines}
