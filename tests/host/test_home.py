"""One folder holds everything, and is its user's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stoneware.host.home import Home, default_home


def test_what_is_made_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "home")
    home.prepare()
    home.logs.chmod(0o755)  # as of one that was copied from somewhere
    home.prepare()
    folders = [home.root, home.images, home.build, home.machines, home.disks, home.traffic, home.logs]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * len(folders)
    assert {home.database.parent, home.socket.parent} == {home.root}


@pytest.mark.parametrize(
    ("environment", "root"),
    [
        ({"STONEWARE_HOME": "/srv/home", "XDG_STATE_HOME": "/state"}, "/srv/home"),
        ({"STONEWARE_HOME": "~/home"}, "/home/ann/home"),
        ({"XDG_STATE_HOME": "/state"}, "/state/stoneware"),
        ({"XDG_STATE_HOME": ""}, "/home/ann/.local/state/stoneware"),
        ({}, "/home/ann/.local/state/stoneware"),
    ],
)
def test_where_it_is(environment: dict[str, str], root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STONEWARE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ann", **environment}.items():
        monkeypatch.setenv(name, value)
    assert default_home().root == Path(root)


def test_a_relative_home_is_seen_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STONEWARE_HOME", "here")
    assert default_home().root == tmp_path / "here"
