"""The door for git hosts, over a real socket: signed messages lead to builds, everything else to nothing."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.house import House

from stoneware.api import webhooks
from stoneware.api.webhooks import LARGEST_BYTES, listening
from stoneware.errors import EngineError, Refused, Unreachable
from stoneware.operations.vault import Vault

SECRET = b"a shared secret"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    folder = tmp_path / "web"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True, env=env)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "one"], cwd=folder, check=True, env=env)
    return folder


@pytest.fixture
def door(idle_house: House, repository: Path) -> Iterator[httpx.Client]:
    """A trigger `web` of a webhook's, and the door that it stands behind."""
    services = idle_house.daemon.services
    Vault(services.store, idle_house.home).set("web-hook", SECRET, "ann", "")
    spec = {"repository": str(repository), "watch": "webhook", "form": "github", "secret": "web-hook", "allow": []}
    made = idle_house.http.post("/v1/triggers/web", json={"spec": spec})
    assert made.status_code == 200, made.text
    with (
        listening(idle_house.daemon.webhooks, "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        yield http


def message(
    door: httpx.Client, body: Any = None, *, secret: bytes = SECRET, trigger: str = "web", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body or {"ref": "refs/heads/main"}).encode()
    signed = {"X-Hub-Signature-256": "sha256=" + hmac.new(secret, content, hashlib.sha256).hexdigest()}
    return door.post(f"/hooks/{trigger}", content=content, headers={"X-GitHub-Event": "push", **signed, **headers})


def commit(repository: Path) -> None:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "more"], cwd=repository, check=True)


def builds(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.http.get("/v1/builds").json()
    return found


def test_a_signed_push_is_built_once(door: httpx.Client, idle_house: House, repository: Path) -> None:
    commit(repository)
    assert message(door, {"n": 1}).status_code == 202
    (build,) = builds(idle_house)
    assert (build["trigger"], build["actor"], build["source"]["branch"]) == ("web", "trigger:web", "main")
    assert message(door, {"n": 1}).status_code == 409
    assert message(door, {"n": 2}).text == "taken; 0 begun\n"
    assert len(builds(idle_house)) == 1


def test_two_triggers_of_one_repository_hear_the_same_message(
    door: httpx.Client, idle_house: House, repository: Path
) -> None:
    spec = {"repository": str(repository), "watch": "webhook", "form": "github", "secret": "web-hook", "allow": []}
    assert idle_house.http.post("/v1/triggers/docs", json={"spec": spec}).status_code == 200
    commit(repository)
    assert [message(door, {"n": 1}, trigger=name).status_code for name in ("web", "docs")] == [202, 202]
    assert sorted(one["trigger"] for one in builds(idle_house)) == ["docs", "web"]


def test_a_newer_commit_ends_the_build_of_an_older_one(door: httpx.Client, idle_house: House, repository: Path) -> None:
    for number in (1, 2):
        commit(repository)
        assert message(door, {"n": number}).status_code == 202
    store = idle_house.daemon.services.store
    newest, older = builds(idle_house)
    signals = {one["id"]: [str(s.kind) for _, s in store.operations.signals(one["id"])] for one in (newest, older)}
    assert signals == {newest["id"]: [], older["id"]: ["abort"]}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"secret": b"another"}, 403),
        ({"trigger": "nobody"}, 403),
        ({"trigger": "x" * 41}, 413),
        ({"X-Hub-Signature-256": ""}, 403),
        ({"X-GitHub-Event": "ping"}, 202),
        ({"body": b"[" * 100_000, "X-GitHub-Event": "ping"}, 202),
    ],
)
def test_everything_else_begins_nothing(
    given: dict[str, Any], status: int, door: httpx.Client, idle_house: House, repository: Path
) -> None:
    commit(repository)
    assert message(door, **given).status_code == status
    assert builds(idle_house) == []


def test_nobody_is_told_which_triggers_there_are(door: httpx.Client) -> None:
    wrong, unknown = message(door, secret=b"x"), message(door, secret=b"x", trigger="nobody")
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)


def test_nothing_else_is_behind_this_door(door: httpx.Client) -> None:
    for path in ("/", "/v1/about", "/v1/triggers", "/openapi.json", "/docs", "/hooks/web"):
        assert door.get(path).status_code in (404, 405)
    assert door.post("/v1/pushes", json={"repository": "/x"}).status_code == 404


def test_a_flood_is_cut_off(door: httpx.Client) -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(LARGEST_BYTES // 2**20 + 2):
            yield b"x" * 2**20

    with contextlib.suppress(httpx.WriteError):  # it hangs up before all of it was sent
        assert door.post("/hooks/web", content=flood()).status_code == 413


@pytest.mark.parametrize(
    "half", [b"", b"POST /hooks/web HT", b"POST /hooks/web HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"]
)
def test_who_begins_a_message_and_stops_keeps_nobody_out(
    door: httpx.Client, half: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "LONGEST_SENDING_S", 0.5)
    with contextlib.ExitStack() as stack:
        for _ in range(webhooks.MOST_AT_ONCE):
            idle = stack.enter_context(socket.create_connection((door.base_url.host, door.base_url.port)))
            idle.sendall(half)
            idle.settimeout(10)
        said = idle.recv(1000)  # it is hung up on, or told so, in time
        assert said == b"" or said.startswith(b"HTTP/1.1 408") or said.startswith(b"HTTP/1.1 503")
        until = time.monotonic() + 10
        while (answer := message(door)).status_code == 503 and time.monotonic() < until:
            time.sleep(0.1)
        assert answer.status_code == 202


def test_without_the_secret_nothing_is_believed(door: httpx.Client, idle_house: House) -> None:
    idle_house.daemon.services.store.secrets.delete("web-hook", "ann", "")
    assert message(door, secret=b"").status_code == 403


def test_a_repository_that_is_away_is_asked_again_later(
    door: httpx.Client, idle_house: House, repository: Path
) -> None:
    commit(repository)
    repository.rename(repository.with_name("away"))
    assert message(door).status_code == 202
    shown = idle_house.http.get("/v1/triggers/web").json()
    assert "doesn't answer" in shown["state"]["trouble"]
    repository.with_name("away").rename(repository)
    assert idle_house.http.post("/v1/triggers/web/looks").json()["builds"] != []


@pytest.mark.parametrize("wrong", [Unreachable("away"), Refused("no"), OSError("disk"), RuntimeError("odd")])
def test_a_message_that_nothing_came_of_may_come_again(
    wrong: Exception, door: httpx.Client, idle_house: House, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refs(_address: str) -> dict[str, str]:
        raise wrong

    commit(repository)
    triggering = idle_house.daemon.services.triggering
    with monkeypatch.context() as there:
        there.setattr(triggering, "refs", refs)
        assert message(door).status_code == (202 if isinstance(wrong, EngineError) else 503)
    assert message(door).text == "taken; 1 begun\n"
    assert message(door).status_code == 409


def test_what_is_said_to_be_too_large_isn_t_read(door: httpx.Client) -> None:
    with socket.create_connection((door.base_url.host, door.base_url.port)) as sender:
        sender.settimeout(30)
        sender.sendall(f"POST /hooks/web HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BYTES + 1}\r\n\r\n".encode())
        answer = b""
        while b"taken" not in answer and (more := sender.recv(1000)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"at most 5 MiB" in answer


def test_what_is_sent_to_nobody_isn_t_kept(door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[bool]()
    body = webhooks._body

    async def counted(request: Any, *, keep: bool) -> bytes | None:
        kept.append(keep)
        return await body(request, keep=keep)

    monkeypatch.setattr(webhooks, "_body", counted)
    assert [message(door, trigger=name).status_code for name in ("nobody", "web")] == [403, 202]
    assert kept == [False, True]


@pytest.mark.parametrize("secret", [b" ", b"short", b"  elevenchars ", b"whsec_", b"whsec_AAAAAAAA"])
def test_a_secret_that_proves_nothing_makes_no_trigger(secret: bytes, idle_house: House, repository: Path) -> None:
    Vault(idle_house.daemon.services.store, idle_house.home).set("weak", secret, "ann", "")
    spec = {"repository": str(repository), "watch": "webhook", "form": "gitlab", "secret": "weak", "allow": []}
    refused = idle_house.http.post("/v1/triggers/web", json={"spec": spec})
    assert refused.status_code in (400, 422)
    assert "too short" in refused.text


def test_a_secret_that_is_emptied_later_is_nobody_s(door: httpx.Client, idle_house: House) -> None:
    Vault(idle_house.daemon.services.store, idle_house.home).set("web-hook", b" \n", "ann", "")
    assert message(door, secret=b"").status_code == 403
    assert message(door).status_code == 403
