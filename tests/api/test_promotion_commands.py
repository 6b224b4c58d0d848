"""Promotions on the command line: what people see and agree to, exit codes, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.api.house import House
from tests.api.test_promotions import BOB, current, declaration, deploy, grant

from stoneware.cli import options
from stoneware.cli.main import cli
from stoneware.errors import Refused

PLAN = """\
town-staging release 1 -> town-production
plan: town-production release 1
  + group web create: new group
      image web/1 sha256:…
      + machine town-production-web-r1-0
      + machine town-production-web-r1-1
  + service play at 127.0.0.1:8080: new service
  gate soak closed: 0s of 1h in town-staging: 59m … to go
  gate test holds: 1 answer to 1 test from town-staging as expected
  gate approval waits: somebody with role release-manager has to agree within 1d
"""
GATES = "soak: 1h, test: [ { group: web, http: { port: 80 } } ], approval: release-manager"


@pytest.fixture
def call(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The command line in front of a daemon, beside a declaration."""

    class Client:
        def get(self, path: str, **query: Any) -> Any:
            return house.http.get(path, params={k: v for k, v in query.items() if v is not None}).json()

        def post(self, path: str, body: Any, key: str = "", limit_s: float | None = None) -> Any:
            answer = house.http.post(path, json=body)
            if answer.is_error:
                raise Refused(answer.json()["detail"])
            return answer.json()

        def delete(self, path: str, **query: Any) -> Any:
            return house.http.delete(path, params=query).status_code

    monkeypatch.setattr(options, "client", Client)
    monkeypatch.chdir(tmp_path)
    deploy(house, "town-staging")

    def run(*words: str, gates: str = "") -> Result:
        (tmp_path / "stoneware.yaml").write_text(declaration(gates))
        return CliRunner().invoke(cli, list(words))

    yield run


def plain(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"sha256:[0-9a-f]+", "sha256:…", text)
    return re.sub(r"[0-9]+s of 1h in town-staging: 59m [0-9]+s", "0s of 1h in town-staging: 59m …", text)


def test_a_plan_shows_what_changes_and_every_gate(call: Any, house: House) -> None:
    done = call("promote", "staging", "production", "--plan", gates=GATES)
    assert plain(done.output) == PLAN
    assert isinstance(done.exception, Refused)
    assert done.exception.code == "gate-closed"
    [found] = json.loads(call("promote", "staging", "production", "--plan", "--json").output)
    assert found["plan"]["deployment"] == "town-production"
    assert house.http.get("/v1/promotions").json() == []


def test_a_promotion_that_waits_is_listed_and_shown(call: Any, house: House) -> None:
    gates = "approval: release-manager"
    asked = call("promote", "staging", "production", "--yes", "--reason", "version 1", gates=gates)
    assert (
        "promotion-1 waits for role release-manager, in 24h at the latest: `stoneware promotion approve promotion-1`"
        in (asked.output)
    )
    [head, row] = call("promotion", "list").output.splitlines()
    assert head.split() == ["promotion", "state", "from", "to", "by", "age", "decision"]
    assert row.split()[:5] == ["promotion-1", "PENDING", "town-staging#1", "town-production", "ann@host"]
    assert "asked for by ann@host 0s ago: version 1" in call("promotion", "show", "promotion-1").output
    refused = call("promotion", "approve", "promotion-1", "--yes")
    assert "can't approve it" in str(refused.exception)
    grant(house, "bob@host")
    assert call("role", "list").output.splitlines()[1].split()[:2] == ["release-manager", "bob@host"]
    made = house.http.post("/v1/promotions/promotion-1/approve", json={}, headers=BOB).json()
    house.end_of(made["operation"])
    assert current(house, "town-production")["number"] == 1
    again = call("promote", "staging", "production", "--yes", gates=gates)
    assert again.output.endswith("nothing to do\n")


def test_roles_and_rejections(call: Any) -> None:
    assert call("role", "list").output == "nobody has a role\n"
    granted = call("role", "grant", "release-manager", "bob@host", "--reason", "on duty")
    assert granted.output == "bob@host has role release-manager, granted by ann@host\n"
    assert "hasn't role" in call("role", "revoke", "release-manager", "bob@host").output
    call("promote", "staging", "production", "--yes", gates="approval: release-manager")
    done = call("promotion", "reject", "promotion-1", "--reason", "too early")
    assert done.output == "promotion-1 is REJECTED: too early\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("promote", "staging", "nowhere"), 1),
        (("promote", "town", "--plan"), 2),
        (("promote", "staging", "production", "--force", "approval"), 2),
    ],
)
def test_what_can_not_be_meant(words: tuple[str, ...], code: int, call: Any) -> None:
    assert call(*words).exit_code == code


def test_environments_side_by_side(call: Any, house: House) -> None:
    call("promote", "staging", "production", "--yes", "--no-wait")
    house.end_of("rollout-2")
    said = call("deployment", "diff", "staging", "production").output
    assert said.splitlines()[0] == "town-staging#1 -> town-production#1"
    assert "group web: size 1 -> 2" in said
    assert "group web: size 1 -> 2" in call("deployment", "diff", "town-staging", "town-production").output
