"""`stoneware key` in front of a whole daemon in the test's process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.house import ACTOR, TestClient
from tests.cli.conftest import Stoneware
from tests.support.near import NearClient

from stoneware.cli import options
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home
from stoneware.host.signing_key import PublicKey, installation_key


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The home of a daemon that the commands reach."""
    home = Home(tmp_path / "daemons")
    daemon = build(home, SystemClock())

    with TestClient(daemon.app, headers=ACTOR, raise_server_exceptions=False) as http:
        monkeypatch.setattr(options, "client", lambda: NearClient(http))
        yield home
    daemon.services.store.close()


@pytest.fixture
def theirs(tmp_path: Path) -> PublicKey:
    """Another installation's key."""
    (tmp_path / "theirs").mkdir()
    return installation_key(Home(tmp_path / "theirs")).public


def shown(stoneware: Stoneware, *words: str) -> Any:
    done = stoneware(*words, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_what_show_prints_here_trust_takes_there(stoneware: Stoneware, home: Home, theirs: PublicKey) -> None:
    own = installation_key(home).public
    done = stoneware("key", "show")
    assert (done.code, done.out) == (0, f"{own.id}\n{own.pem}")
    Path("theirs.pub").write_text(f"{theirs.id}\n{theirs.pem}")
    done = stoneware("key", "trust", "theirs.pub", "--reason", "staging")
    assert (done.code, done.out) == (0, f"signatures by {theirs.id} count here\n")
    assert stoneware("key", "list").out.split() == ["key", "whose", own.id, "ours", theirs.id, "trusted"]
    entry = options.client().get("/v1/ledger")[-1]["fact"]
    assert (entry["verb"], entry["subject"], entry["reason"]) == ("key.trust", theirs.id, "staging")
    done = stoneware("key", "distrust", theirs.id[:16])
    assert (done.code, done.out) == (0, f"signatures by {theirs.id[:16]} count here no more\n")
    assert theirs.id not in stoneware("key", "list").out


def test_every_answer_is_there_for_programs(stoneware: Stoneware, home: Home, theirs: PublicKey) -> None:
    own = shown(stoneware, "key", "show")
    assert own == {"id": installation_key(home).public.id, "pem": home.public_key.read_text(), "own": True}
    Path("theirs.pub").write_text(theirs.pem)
    other = shown(stoneware, "key", "trust", "theirs.pub")
    assert other == {"id": theirs.id, "pem": theirs.pem, "own": False}
    assert shown(stoneware, "key", "list") == [own, other]
    assert shown(stoneware, "key", "distrust", theirs.id) == {"distrusted": theirs.id}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 10_000])
def test_a_file_that_is_no_key_is_bad_input(content: bytes, stoneware: Stoneware, home: Home) -> None:
    Path("theirs.pub").write_bytes(content)
    done = stoneware("key", "trust", "theirs.pub")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("stoneware: ")
    assert "next: " in done.err


def test_a_private_key_is_not_taken_and_not_repeated(stoneware: Stoneware, home: Home) -> None:
    installation_key(home)
    secret = home.signing_key.read_text()
    Path("theirs.pub").write_text(secret)
    done = stoneware("key", "trust", "theirs.pub")
    assert done.code == 2
    assert "private key" in done.err
    assert secret.splitlines()[1] not in done.err


def test_a_file_that_isnt_there_and_a_key_that_isnt_known(stoneware: Stoneware, home: Home) -> None:
    done = stoneware("key", "trust", "nothing.pub")
    assert (done.code, "nothing.pub: no such file" in done.err) == (1, True)
    assert stoneware("key", "distrust", "0" * 64).code == 2
    for given in ("not an id", "3f9a...", "0123456", "0" * 65):
        done = stoneware("key", "distrust", given)
        assert (done.code, "next: give its first 8 digits or more" in done.err) == (2, True)
    assert "no key" in stoneware("key", "distrust", "0" * 16).err
