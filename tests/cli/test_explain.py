"""`stoneware explain` asks for what was typed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from stoneware.cli import options
from stoneware.cli.main import cli
from stoneware.client import _target


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("hello#2", "/v1/explanations/hello%232"),
        ("machine:hello-web-r1-0", "/v1/explanations/machine:hello-web-r1-0"),
        ("web/1", "/v1/explanations/web/1"),
        ("ä?b", "/v1/explanations/%C3%A4%3Fb"),
    ],
)
def test_a_name_is_written_for_the_way_once(name: str, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Client:
        def get(self, path: str) -> object:
            asked.append(_target(path))
            return {"headline": "", "facts": (), "awaited": None, "troubles": (), "answers": (), "code": ""} | {
                "console": (), "next_step": ""
            }  # fmt: skip

    monkeypatch.setattr(options, "client", Client)
    assert CliRunner().invoke(cli, ["explain", name]).exit_code == 0
    assert asked == [sent]
