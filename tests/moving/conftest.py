"""Two homes: images are made in one and taken to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.house import ACTOR, House, TestClient
from tests.moving.small import make

from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home
from stoneware.host.signing_key import installation_key
from stoneware.host.trusted_keys import trust
from stoneware.model.image import Artifact


def prepared(root: Path) -> Home:
    home = Home(root)
    home.prepare()
    return home


@pytest.fixture
def there(tmp_path: Path) -> Home:
    """Where images come from."""
    return prepared(tmp_path / "there")


@pytest.fixture
def home(tmp_path: Path, there: Home) -> Home:
    """Where they go: an installation that trusts the other one."""
    home = prepared(tmp_path / "here")
    trust(home, installation_key(there).public)
    return home


@pytest.fixture
def artifact(there: Home) -> Artifact:
    return make(there)


@pytest.fixture
def house(home: Home) -> Iterator[House]:
    """The daemon here, at work."""
    yield from open_house(home)


@pytest.fixture
def other_house(there: Home) -> Iterator[House]:
    """The daemon there, at work."""
    yield from open_house(there)


def open_house(home: Home) -> Iterator[House]:
    daemon = build(home, SystemClock())
    daemon.services.worker.start()
    with TestClient(daemon.app, headers=ACTOR, raise_server_exceptions=False) as http:
        yield House(home, daemon, http)
    daemon.services.worker.stop()
    daemon.services.store.close()
