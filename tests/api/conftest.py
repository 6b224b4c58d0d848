"""A daemon for each test, on a home in memory where the host has such a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.house import ACTOR, House, TestClient

from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home

IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty home."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="stoneware-") as name:
        yield Home(Path(name))


@pytest.fixture
def idle_house(home: Home) -> Iterator[House]:
    """A daemon whose worker doesn't work: what is begun stays as it is."""
    daemon = build(home, SystemClock())
    with TestClient(daemon.app, headers=ACTOR, raise_server_exceptions=False) as http:
        house = House(home, daemon, http)
        house.engine.boot_seconds = 0.05
        yield house
    daemon.services.store.close()


@pytest.fixture
def house(idle_house: House) -> Iterator[House]:
    """A daemon at work, with one published image, `web/1`."""
    idle_house.publish()
    idle_house.daemon.services.worker.start()
    yield idle_house
    idle_house.daemon.services.worker.stop()
