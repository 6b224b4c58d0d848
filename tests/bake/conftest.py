"""What tests on real buildah share: a home of their own, whose build store is given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.host.home import Home
from stoneware.host.run import run


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.prepare()
    yield home
    store = home.build / "store"
    run(["buildah", "--root", store / "root", "--runroot", store / "run", "rm", "--all"], timeout_s=60, ok=(0, 1, 125))
