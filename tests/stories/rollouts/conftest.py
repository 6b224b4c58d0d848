"""Rollouts on real containers behind a real proxy, while people ask: one daemon and one image for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.callers import Callers
from tests.support.foundry import Foundry
from tests.support.quay import Berth, bake
from tests.support.town import Town, open_town


@pytest.fixture(scope="package")
def quay(foundry: Foundry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A daemon, and the image."""
    town = open_town(Path(tmp_path_factory.mktemp("quay")) / "town", foundry, "container")
    try:
        bake(town)
        yield town
    finally:
        town.strike()


@pytest.fixture
def berth(quay: Town) -> Iterator[Callable[..., Berth]]:
    """Makes a deployment for a test; it ends with it."""
    with ExitStack() as ending:

        def make(name: str, **words: Any) -> Berth:
            made = Berth(quay, name, **words)
            ending.callback(made.destroy)
            return made

        yield make


@pytest.fixture(scope="package", autouse=True)
def elders(quay: Town) -> Iterator[tuple[Berth, Callers]]:
    """A deployment whose machines may become a minute old. It has its people from the beginning, for the others take time, too."""
    made = Berth(quay, "elders", size=2, group={"max_age": "60s"}, rollout={"strategy": "rolling"})
    made.deploy("1")
    with Callers(made.address, threads=2, rate=5.0) as callers:
        yield made, callers
    made.destroy()


@pytest.fixture(scope="package", autouse=True)
def leavers(quay: Town) -> Iterator[Berth]:
    """A deployment on its second release, whose stopped machines are kept for a short time alone."""
    made = Berth(quay, "leavers", size=2, rollout={"keep_stopped": "1s"})
    made.deploy("1")
    made.deploy("2")
    yield made
    made.destroy()
