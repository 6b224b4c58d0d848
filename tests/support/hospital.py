"""A world whose daemon looks after its machines: it asks them, repairs, and runs what is under way, all on the world's clock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.simulation import World

from stoneware.model.operation import OperationRecord
from stoneware.operations.reconcile import ACTOR, Reconcile
from stoneware.operations.watch import Watch


@dataclass
class Hospital:
    """`live` lets time go by. `started` is what the daemon began by itself."""

    world: World
    watch: Watch = field(init=False)
    reconcile: Reconcile = field(init=False)
    started: list[OperationRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """A new daemon, which remembers nothing."""
        self.watch = Watch(self.world.clock)
        self.reconcile = Reconcile(self.world.store, self.world.platforms, self.world.clock, self.watch)

    def live(self, seconds: float, every: float = 1.0) -> list[OperationRecord]:
        """What the daemon does in this time; returns what it started."""
        before, until = len(self.started), self.world.clock.now() + seconds
        while self.world.clock.now() < until:
            self.started += self.reconcile.run()
            wait(self.watch.look())
            self.work()
            self.world.clock.sleep(every)
        return self.started[before:]

    def work(self) -> None:
        """Runs every step that is due now."""
        World.in_play = self.world
        while (record := self.world.store.operations.claim("sim/0", 30.0)) is not None:
            self.world.runner.run(record)
            self.world.check()

    def ended(self, operation: OperationRecord) -> OperationRecord:
        """An operation as it is now, or was at its end."""
        return self.world.store.operations.get(operation.id)

    def deaths(self) -> list[str]:
        """Machines that were deleted, in order."""
        return [name for verb, name in self.world.engine.effects if verb == "delete_machine"]

    def by_itself(self) -> list[str]:
        """The reasons of everything that nobody asked for, oldest first."""
        return [o.reason for o in reversed(self.world.store.operations.list()) if o.actor == ACTOR]

    @contextmanager
    def cured_when_made_anew(self) -> Iterator[None]:
        """Sick machines are well once they are made again, as those are that ran into something."""

        def cure(when: str, verb: str, name: str) -> None:
            if (when, verb) == ("after", "delete_machine"):
                self.world.engine.sick.discard(name)

        self.world.watch = cure
        yield
        self.world.watch = lambda *_: None
