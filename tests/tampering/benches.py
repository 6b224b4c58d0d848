"""The bench that a table of tamperings shares, made anew when a deed spoiled it: one bad row is one failure, and soon told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from tests.support.foundry import Foundry
from tests.support.town import Town, open_town
from tests.tampering.deeds import Deeds

MOST_SPOILED = 3
"""Benches that are made anew before the rest of the table is given up: each takes minutes to find out about."""

B = TypeVar("B", bound=Deeds)


@dataclass
class Benches(Generic[B]):
    """Benches one after the other, `make` starting a town with all that it needs."""

    make: Callable[[], B]
    _bench: B | None = None
    _spoiled: int = 0

    def bench(self) -> B:
        """The one that there is, or a new one."""
        if self._bench is None:
            if self._spoiled >= MOST_SPOILED:
                pytest.fail(f"{self._spoiled} towns were spoiled already")
            self._bench = self.make()
        return self._bench

    @contextmanager
    def lent(self) -> Iterator[B]:
        """A bench for one row; clean afterwards, or given up."""
        bench = self.bench()
        yield bench
        try:
            bench.clean()
        except BaseException:
            self._spoiled += 1
            self.close()
            raise

    def close(self) -> None:
        """Nothing of the last bench is left."""
        if self._bench is not None:
            bench, self._bench = self._bench, None
            bench.stage.strike()


def benches_on_towns(
    foundry: Foundry,
    factory: pytest.TempPathFactory,
    engine: str,
    bench: Callable[[Town], B],
    prepare: Callable[[Town], None] = lambda _: None,
) -> Iterator[Benches[B]]:
    """Benches on towns that serve; `prepare` changes a town's repository before its bake. For a fixture."""

    def make() -> B:
        town = open_town(Path(factory.mktemp("tampered")) / "town", foundry, engine)
        try:
            prepare(town)
            town.cli("bake")
            town.cli("deploy", "--yes")
            return bench(town)
        except BaseException:
            town.strike()
            raise

    benches = Benches(make)
    yield benches
    benches.close()
