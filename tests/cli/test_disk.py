"""`stoneware disk`: what the words mean to the daemon, and what is asked before something is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.conftest import Stoneware

from stoneware.cli import options, watching

SNAPSHOT = {
    "name": "before",
    "disk": "d",
    "owner": "town",
    "size_bytes": 2**30,
    "stored_bytes": 3 * 2**20,
    "created_at": 0.0,
    "why": "a test",
    "data_schema": 2,
    "release": None,
    "digest": "x",
}


class Daemon:
    """Takes requests and has them done at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, **query: Any) -> list[dict[str, Any]]:
        self.asked.append((path, query))
        return [SNAPSHOT]

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        assert key
        self.asked.append((path, body))
        return {"id": "snapshot-1", "because": "disk d is kept as before"}

    def delete(self, path: str, **query: Any) -> None:
        self.asked.append((path, query))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon()
    monkeypatch.setattr(options, "client", lambda: daemon)
    monkeypatch.setattr(watching, "follow", lambda _, operation, **__: operation)
    return daemon


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("snapshot", "d", "--name", "s"), ("/v1/disks/d/snapshots", {"name": "s", "reason": "why"})),
        (
            ("restore", "d", "s", "--yes"),
            ("/v1/disks/d/restores", {"snapshot": "s", "keep": True, "other_disk": False, "reason": "why"}),
        ),
        (
            ("restore", "d", "s", "--yes", "--no-keep", "--other-disk"),
            ("/v1/disks/d/restores", {"snapshot": "s", "keep": False, "other_disk": True, "reason": "why"}),
        ),
        (
            ("clone", "s", "e", "--for", "staging"),
            ("/v1/clones", {"source": "s", "name": "e", "owner": "staging", "reason": "why"}),
        ),
        (("delete-snapshot", "s", "--yes"), ("/v1/snapshots/s", {"reason": "why"})),
        (("delete", "d", "--yes"), ("/v1/disks/d", {"reason": "why"})),
    ],
)
def test_the_daemon_is_asked_for(
    words: tuple[str, ...], asked: tuple[str, dict[str, Any]], daemon: Daemon, stoneware: Stoneware
) -> None:
    assert stoneware("disk", *words, "--reason", "why").code == 0
    assert daemon.asked == [asked]


@pytest.mark.parametrize("words", [("restore", "d", "s"), ("delete", "d"), ("delete-snapshot", "s")])
def test_nothing_is_lost_without_a_yes(words: tuple[str, ...], daemon: Daemon, stoneware: Stoneware) -> None:
    done = stoneware("disk", *words)
    assert (done.code, "say --yes" in done.err) == (2, True)
    assert daemon.asked == []


def test_snapshots_are_listed(daemon: Daemon, stoneware: Stoneware) -> None:
    shown = stoneware("disk", "snapshots", "town", "--disk", "d").out
    assert daemon.asked == [("/v1/snapshots", {"owner": "town", "disk": "d"})]
    assert shown.splitlines()[1].split()[:5] == ["before", "d", "3", "MiB", "2"]
    assert json.loads(stoneware("disk", "snapshots", "--json").out) == [SNAPSHOT]
