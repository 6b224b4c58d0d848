"""`stoneware secret` in front of a whole daemon in the test's process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from tests.api.house import ACTOR, TestClient
from tests.cli.conftest import Stoneware
from tests.support.near import NearClient

from stoneware.cli import options
from stoneware.cli.main import cli
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home
from stoneware.operations.vault import Vault


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """The secrets of a daemon that the commands reach."""
    home = Home(tmp_path / "daemons")
    daemon = build(home, SystemClock())

    with TestClient(daemon.app, headers=ACTOR, raise_server_exceptions=False) as http:
        monkeypatch.setattr(options, "client", lambda: NearClient(http))
        yield Vault(daemon.services.store, home)
    daemon.services.store.close()


def pipe(monkeypatch: pytest.MonkeyPatch, value: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value)))


def shown(stoneware: Stoneware, *words: str) -> Any:
    done = stoneware(*words, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_a_file_is_taken_byte_for_byte(stoneware: Stoneware, vault: Vault) -> None:
    Path("key").write_bytes(b"\xff\0two\nlines\n")
    done = stoneware("secret", "set", "tls-key", "--file", "key")
    assert (done.code, done.out, done.err) == (0, "tls-key/1 is set\n", "")
    assert vault.reveal("tls-key/1") == b"\xff\0two\nlines\n"
    done = stoneware("secret", "set", "tls-key", "--file", "key")
    assert done.out == "tls-key/1 has this value already; nothing was changed\n"


def test_what_is_piped_in_is_taken_byte_for_byte_and_a_newline_is_said(
    stoneware: Stoneware, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"otters")
    assert stoneware("secret", "set", "db-password").err == ""
    pipe(monkeypatch, b"otters\n")
    done = stoneware("secret", "set", "db-password", "--file", "-", "--reason", "rotated")
    assert (done.out, done.err) == (
        "db-password/2 is set\n",
        "note: the value ends in a newline, which is part of it\n",
    )
    assert (vault.reveal("db-password/1"), vault.reveal("db-password/2")) == (b"otters", b"otters\n")
    assert options.client().get("/v1/ledger")[-1]["fact"]["reason"] == "rotated"


def test_on_a_terminal_it_is_typed_twice_and_not_shown(
    stoneware: Stoneware, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, asked = iter(["otters", "badgers", "ötters", "ötters"]), []

    def hidden(prompt: str, **_: object) -> str:
        asked.append(prompt)
        return next(typed)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.hidden_prompt_func", hidden)
    done = stoneware("secret", "set", "db-password")
    assert (done.code, done.out) == (0, "db-password/1 is set\n")
    assert "do not match" in done.err
    assert len(asked) == 4
    assert vault.reveal("db-password/1") == "ötters".encode()


def test_a_value_is_never_an_argument(stoneware: Stoneware, vault: Vault) -> None:
    done = stoneware("secret", "set", "db-password", "otters")
    assert done.code == 2
    assert vault.store.secrets.list() == []


@pytest.mark.parametrize(("value", "why"), [(b"", "the value is empty"), (b"s" * 100_000, "larger than 64 KiB")])
def test_a_value_that_doesnt_fit_is_bad_input(
    value: bytes, why: str, stoneware: Stoneware, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, value)
    done = stoneware("secret", "set", "db-password")
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert "next: " in done.err
    assert "sss" not in done.err


def test_a_file_that_isnt_there(stoneware: Stoneware, vault: Vault) -> None:
    done = stoneware("secret", "set", "db-password", "--file", "nothing")
    assert (done.code, "nothing: no such file" in done.err) == (1, True)


def test_the_list_has_names_versions_and_people(stoneware: Stoneware, vault: Vault) -> None:
    assert stoneware("secret", "list").out == "no secrets\n"
    vault.set("db-password", b"otters", "ann", "")
    vault.set("db-password", b"badgers", "bob", "")
    assert stoneware("secret", "list").out.split() == [
        "secret",
        "version",
        "age",
        "by",
        "db-password",
        "2",
        "0s",
        "bob",
    ]
    [one] = shown(stoneware, "secret", "list")
    assert (one["name"], one["version"], one["actor"], len(one)) == ("db-password", 2, "bob", 4)


def test_deleting_asks_and_says(stoneware: Stoneware, vault: Vault) -> None:
    vault.set("db-password", b"otters", "ann", "")
    assert stoneware("secret", "delete", "db-password").code == 2
    assert shown(stoneware, "secret", "delete", "db-password", "--yes") == {"deleted": "db-password"}
    assert stoneware("secret", "delete", "db-password", "--yes").code == 2
    assert vault.store.secrets.list() == []


@pytest.mark.parametrize("words", [["secret", "set"], ["secret", "delete"]])
def test_names_complete(words: list[str], vault: Vault) -> None:
    for name in ("db-password", "db-user", "tls-key"):
        vault.set(name, b"x", "ann", "")
    completed = ShellComplete(cli, {}, "stoneware", "_STONEWARE_COMPLETE").get_completions(words, "db")
    assert [item.value for item in completed] == ["db-password", "db-user"]
    assert isinstance(completed[0], click.shell_completion.CompletionItem)
