"""A store of its own for every test, in memory where the host has such a folder: no disk has to survive a test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.clock import ManualClock
from stoneware.store.database import url_for
from stoneware.store.store import Store, open_store

IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder, as fast as the host has one."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="stoneware-") as name:
        yield Path(name)


@pytest.fixture
def url(folder: Path) -> str:
    """Where a database can be."""
    return url_for(folder / "stoneware.db")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(url: str, clock: ManualClock) -> Iterator[Store]:
    store = open_store(url, clock)
    yield store
    store.close()
