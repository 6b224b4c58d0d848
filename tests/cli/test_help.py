"""Help of every command: it says what it does and shows an example; a slip of the finger gets a suggestion."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from tests.cli.conftest import Stoneware

from stoneware import __version__
from stoneware.cli.main import COMMANDS, cli


def all_commands() -> list[tuple[str, ...]]:
    """Every command and every command of a group."""
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.commands]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_help_says_what_it_does_with_an_example(words: tuple[str, ...], stoneware: Stoneware) -> None:
    done = stoneware(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: stoneware {' '.join(words)}")
    assert "Example:" in done.out
    assert f"  stoneware {words[0]}" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 110


def test_the_first_help_lists_every_command(stoneware: Stoneware) -> None:
    done = stoneware("-h")
    assert done.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in done.out
        assert line in done.out


def test_the_first_help_loads_no_command() -> None:
    code = "import sys; from stoneware.cli.main import main\ntry: main()\nfinally: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "stoneware.cli.main" in done.stdout
    for heavy in ("pydantic", "httpx", "sqlalchemy", "fastapi", "rich"):
        assert f"'{heavy}'" not in done.stdout


def test_the_version_is_said(stoneware: Stoneware) -> None:
    assert __version__ in stoneware("--version").out


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("chek",), "Did you mean 'check'?"),
        (("deplyo",), "Did you mean 'deploy'?"),
        (("zzzzz",), "stoneware: no such command 'zzzzz'\n"),
        (("image", "lst"), "stoneware: no such command 'lst'"),
        (("check", "--jsn"), "--jsn"),
        (("check", "extra"), "extra"),
        (("image", "show"), "IMAGE"),
        (("image", "obsolete", "web/1", "--in", "soon"), "'soon' is not a time"),
        (("image", "revoke", "web/1"), "missing option '--reason'"),
        (("bake", "--delete-in", "never"), "'never' is not a time"),
        (("history", "--limit", "many"), "'many' is not a valid integer"),
    ],
)
def test_words_that_mean_nothing_are_bad_input(words: tuple[str, ...], wrong: str, stoneware: Stoneware) -> None:
    done = stoneware(*words)
    assert (done.code, done.out) == (2, "")
    assert wrong in done.err
    assert done.err.count("Did you mean") <= 1


SAYS_NOTHING = {("schema",), ("completion",), ("serve",)}
"""What these print is JSON or a script already, or a daemon's log."""


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_whatever_prints_speaks_json_and_whatever_asks_takes_yes(words: tuple[str, ...], stoneware: Stoneware) -> None:
    said = stoneware(*words, "--help").out
    assert "--json" in said or words in SAYS_NOTHING or "COMMAND [ARGS]" in said
    if words[0] != "rehearse" and words[-1] in ("deploy", "rollback", "destroy", "delete", "prune"):
        assert "--yes" in said
