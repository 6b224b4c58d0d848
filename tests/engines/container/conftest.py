"""A home with a podman store of its own, for all tests of a file, and an engine on it that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.layouts import container_engine, container_home

from stoneware.engines.container import ContainerEngine
from stoneware.host.home import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with container_home(Path(tmp_path_factory.mktemp("containers"))) as home:
        yield home


@pytest.fixture
def engine(home: Home) -> Iterator[ContainerEngine]:
    engine = container_engine(home)
    yield engine
    for machine in engine.list_machines():
        engine.delete_machine(machine.name)
    for disk in engine.list_disks():
        engine.delete_disk(disk.name)
