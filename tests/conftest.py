"""What tests of real machines share: one image, baked once, and a place where bakes find what earlier ones made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.support.foundry import Foundry

# how long an example takes says something about the host, nothing about the code
settings.register_profile("stoneware", deadline=None)
settings.load_profile("stoneware")


@pytest.fixture(scope="session")
def foundry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foundry]:
    """Bakes the example's versions, each once in a session."""
    foundry = Foundry(Path(tmp_path_factory.mktemp("foundry")))
    yield foundry
    foundry.close()
