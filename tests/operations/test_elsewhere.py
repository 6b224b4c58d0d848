"""Judges elsewhere: what a command may do, and what a silent server means."""

from __future__ import annotations

import os

import pytest

from stoneware.errors import Unreachable
from stoneware.model.strategy import CommandCheck, PrometheusCheck, Verdict
from stoneware.operations.rollout.elsewhere import Elsewhere

QUERY = PrometheusCheck(url="http://127.0.0.1:9090", query="up", least=1.0)


def word(*command: str, within: str = "10s", **env: str) -> tuple[Verdict, str]:
    found = Elsewhere().word(CommandCheck.model_validate({"command": command, "within": within}), env)
    return found.verdict, found.detail


def test_a_command_says_pass_fail_or_nothing() -> None:
    assert word("/bin/true")[0] is Verdict.PASS
    assert word("/bin/false")[0] is Verdict.FAIL
    assert word("/bin/sh", "-c", "exit 3")[0] is Verdict.INCONCLUSIVE


def test_a_command_that_hangs_or_isnt_there_leaves_a_doubt() -> None:
    assert word("/bin/sleep", "30", within="200ms")[0] is Verdict.INCONCLUSIVE
    assert word("/nobody/has/this") == (
        Verdict.INCONCLUSIVE,
        "the command didn't end by itself: /nobody/has/this is not installed",
    )


def test_a_command_sees_what_it_is_told_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_SECRET", "swordfish")
    verdict, detail = word("/bin/sh", "-c", 'echo "$STONEWARE_SHARE:$OUR_SECRET:"', STONEWARE_SHARE="10")
    assert (verdict, "10::" in detail) == (Verdict.PASS, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_command_has_no_rights() -> None:
    assert "nobody" in word("/usr/bin/id", "-un")[1]
    assert word("/bin/cat", "/etc/shadow")[0] is Verdict.FAIL


def test_a_server_that_is_away_leaves_a_doubt() -> None:
    def away(_url: str, _query: str) -> float | None:
        raise Unreachable("nobody answers")

    found = Elsewhere(query=away).value(QUERY)
    assert (found.verdict, found.detail) == (Verdict.INCONCLUSIVE, "nobody answers")
    assert Elsewhere(query=lambda *_: 1.0).value(QUERY).verdict is Verdict.PASS
