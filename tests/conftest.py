"""What tests of real machines share: one image, baked once, and a place where bakes find what earlier ones made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.support.foundry import Foundry

# how long an example takes says something about the host, nothing about the code; and a test that fails fails for everybody:
# EXPLORE=1 looks for new examples
settings.register_profile("stoneware", deadline=None, derandomize="EXPLORE" not in os.environ)
settings.load_profile("stoneware")


@pytest.fixture(scope="session")
def foundry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foundry]:
    """Bakes the example's versions, each once in a session."""
    foundry = Foundry(Path(tmp_path_factory.mktemp("foundry")))
    yield foundry
    foundry.close()


@pytest.hookimpl(tryfirst=True)  # before the workers put the groups into the names
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long for what it tells runs when THOROUGH=1 asks for it. Where workers share the tests, those with machines are
    one worker's, and come first: they look at the clock, and one image serves them all."""
    if "THOROUGH" not in os.environ:
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip("for THOROUGH=1"))
    if hasattr(config, "workerinput"):
        for item in filter(_has_machines, items):
            item.add_marker(pytest.mark.xdist_group("machines"))
        items.sort(key=lambda item: not _has_machines(item))


def _has_machines(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("vm") or item.get_closest_marker("host"))
