"""Stories are played on real machines, each in a town of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.foundry import Foundry
from tests.support.town import Town, open_town


@pytest.fixture(scope="module")
def workshop(foundry: Foundry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A daemon, and nothing baked yet."""
    town = open_town(Path(tmp_path_factory.mktemp("town")), foundry)
    try:
        yield town
    finally:
        town.strike()


@pytest.fixture(scope="module")
def town(workshop: Town) -> Town:
    """Version 1 serves, with two machines and a disk each."""
    workshop.cli("bake")
    workshop.cli("deploy", "--yes")
    return workshop


@pytest.fixture
def container_town(foundry: Foundry, tmp_path: Path) -> Iterator[Town]:
    """A daemon for one story on containers, and nothing baked yet."""
    town = open_town(tmp_path / "town", foundry, "container")
    try:
        yield town
    finally:
        town.strike()
