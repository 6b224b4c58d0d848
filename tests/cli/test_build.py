"""What `stoneware build` makes of its words, and of what steps print."""

from __future__ import annotations

import json

import pytest

from stoneware.cli import build, output


@pytest.mark.parametrize(
    ("source", "repository", "ref"),
    [
        ("ssh://git@host/app.git", "ssh://git@host/app.git", "HEAD"),
        ("ssh://git@host/app.git@main", "ssh://git@host/app.git", "main"),
        ("ssh://git@host:22/app.git", "ssh://git@host:22/app.git", "HEAD"),
        ("ssh://git@[::1]:22/app@main", "ssh://git@[::1]:22/app", "main"),
        ("git@host:app.git", "git@host:app.git", "HEAD"),
        ("git@host:o/app.git@feature/x", "git@host:o/app.git", "feature/x"),
        ("host:app@v1", "host:app", "v1"),
        ("https://host/app.git@feature/x", "https://host/app.git", "feature/x"),
        ("https://host/a@1/app.git@main", "https://host/a@1/app.git", "main"),
        ("https://token@host/app.git", "https://token@host/app.git", "HEAD"),
        ("file:///srv/app.git@main", "file:///srv/app.git", "main"),
        ("/nowhere/app.git@main", "/nowhere/app.git", "main"),
    ],
)
def test_the_at_of_an_address_is_not_that_of_a_ref(source: str, repository: str, ref: str) -> None:
    assert build._at(source) == (repository, ref)


PRINTED = "a\x1b]0;title\x07b\a\x1b[31mred\x1b[0m\tc\x9b2Jd\x1b]8;;x\x1b\\e\x08\x7f\rf ü\n\x1b"
SHOWN = "abred\tc2Jdef ü\n"


def test_a_terminal_is_given_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    build._as_it_is(PRINTED)
    output.table(("", ""), [("#0", "a\x1b]0;t\a")])
    output.say("b\x1b[2J")
    assert capsys.readouterr().out == SHOWN + "#0  a\nb\n"


def test_programs_get_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    build._as_json_lines("a\x1b[31m\x0bb\u2028c\nd\n")
    assert [json.loads(line)["line"] for line in capsys.readouterr().out.splitlines()] == ["a\x1b[31m\x0bb\u2028c", "d"]
