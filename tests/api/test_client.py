"""The client against a real daemon: another process, a unix socket, and a path that is longer than a socket's may be."""

from __future__ import annotations

import gc
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.house import asked, declaration, leave_image

from stoneware import client as module
from stoneware.client import Client
from stoneware.clock import SystemClock
from stoneware.errors import BadInput, BakeFailed, Conflict, DaemonUnreachable, NotFound, StonewareError
from stoneware.host.home import Home
from stoneware.store.database import url_for
from stoneware.store.store import open_store

LONGEST_SOCKET_PATH = 107
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def far_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one image, whose socket has a path that no `sockaddr_un` can hold."""
    home = Home(tmp_path_factory.mktemp("far") / ("long-" * 20) / ("way-" * 20))
    assert len(str(home.socket)) > LONGEST_SOCKET_PATH
    home.prepare()
    store = open_store(url_for(home.database), SystemClock())
    leave_image(home, store)
    store.close()
    return home


@pytest.fixture(scope="module")
def client(far_home: Home) -> Iterator[Client]:
    """A client of a daemon that serves this home."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "stoneware", "serve"], env={**os.environ, "STONEWARE_HOME": str(far_home.root)}
    )
    with Client(far_home.socket, actor="ann@host") as client:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                assert client.get("/v1/about")["pid"] == daemon.pid
                break
            except DaemonUnreachable:
                assert daemon.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        yield client
    daemon.terminate()
    assert daemon.wait(timeout=PATIENCE_S) == 0


def test_the_socket_is_its_owners_only(client: Client, far_home: Home) -> None:
    mode = far_home.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(far_home.root.stat().st_mode) == 0o700


def test_a_rollout_can_be_begun_watched_and_aborted(client: Client) -> None:
    started = client.post("/v1/deployments/town/releases", asked(declaration()), key="k1")
    operation = started["operation"]["id"]
    again = client.post("/v1/deployments/town/releases", asked(declaration()), key="k1")
    assert again["operation"]["id"] == operation
    client.post(f"/v1/operations/{operation}/signals", {"kind": "abort", "reason": "enough"})
    name, data = list(client.events(operation))[-1]
    assert (name, '"result":"REVERTED"' in data) == ("end", True)
    assert client.get("/v1/ledger", subject="town", limit=1)[0]["fact"]["actor"] == "ann@host"
    assert client.text(f"/v1/operations/{operation}/log", offset=0) == ("", 0)


def test_a_deleted_image_leaves_no_content_and_no_way_back(client: Client, far_home: Home) -> None:
    store = open_store(url_for(far_home.database), SystemClock())
    leave_image(far_home, store, "db")
    store.close()
    assert client.delete("/v1/images/db/1", reason="old") is None
    with pytest.raises(Conflict, match="db/1 is DELETED"):
        client.post("/v1/images/db/1/restore", {})


def test_the_daemons_errors_are_raised_again(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.get("/v1/images/weg/1")
    assert (missing.value.message, missing.value.next_step) == ("no image weg/1", "did you mean web/1?")
    with pytest.raises(BadInput) as wrong:
        client.post("/v1/deployments/town/plan", asked("deployments:\n  town: 1\n"))
    assert [(problem.file, problem.line) for problem in wrong.value.problems] == [("stoneware.yaml", 2)]
    with pytest.raises(BadInput, match="limit"):
        client.get("/v1/ledger", limit=0)
    with pytest.raises(StonewareError, match="nothing like /v2/images"):
        client.get("/v2/images")
    with pytest.raises(NotFound, match="no operation rollout-99"):
        list(client.events("rollout-99"))


def test_nobody_answers_where_nobody_listens(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left.sock"))
    left.close()
    for place in (tmp_path / "none.sock", tmp_path / "no-folder" / "x.sock", tmp_path / "left.sock"):
        with Client(place) as client:
            with pytest.raises(DaemonUnreachable, match="no daemon answers at") as away:
                client.get("/v1/about")
            assert "stoneware serve" in away.value.next_step
            with pytest.raises(DaemonUnreachable):
                list(client.events("rollout-1"))


def test_a_client_lets_go_of_what_it_holds(tmp_path: Path) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a folder that changes while it is read

    gc.collect()  # what other tests have left is not ours
    before = held()
    for _ in range(10):
        Client(tmp_path / "x.sock").close()
        Client(tmp_path / "x.sock")  # forgotten
    gc.collect()
    assert held() <= before


@pytest.mark.parametrize(
    ("body", "error", "message", "next_step"),
    [
        (b'{"type": "/problems/bake-failed", "detail": "d", "next_step": "n"}', BakeFailed, "d", "n"),
        (b'{"type": "about:blank", "detail": "d"}', StonewareError, "d", ""),
        (b"<html>", StonewareError, "the daemon answered 502: <html>", ""),
        (b"[1]", StonewareError, "the daemon answered 502: [1]", ""),
    ],
)
def test_whatever_the_answer_is_it_becomes_an_error(
    body: bytes, error: type[StonewareError], message: str, next_step: str
) -> None:
    raised = module._error(502, body)
    assert (type(raised), raised.message, raised.next_step) == (error, message, next_step)


def test_who_asks_is_named_in_letters_that_a_header_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "höst")
    monkeypatch.setattr("getpass.getuser", lambda: "ann b")
    assert module._me() == "ann?b@h?st"

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert module._me() == f"uid-{os.getuid()}@h?st"
