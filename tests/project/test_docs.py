"""What the documents say is true: the reference is the code's own, commands and links exist, the diagram is the table."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stoneware.cli.main import cli
from stoneware.operations.rollout.table import GOING_BACK, NEXT

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *ROOT.glob("examples/*/*.md"),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def test_the_reference_is_the_codes_own() -> None:
    words = [sys.executable, ROOT / "scripts" / "reference.py", "--check"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_exists_with_its_options(page: Path) -> None:
    shown = re.findall(r"^\$ (stoneware .*?)(?:\s+#.*)?$", page.read_text(), re.MULTILINE)
    shown += [text for text in re.findall(r"`(stoneware [^`]*)`", page.read_text()) if "…" not in text]
    for line in shown:
        for words in (shlex.split(part)[1:] for part in line.split("&&") if part.strip().startswith("stoneware")):
            check(words, line)


def check(words: list[str], line: str) -> None:
    command: click.Command = cli
    context = click.Context(cli, info_name="stoneware")
    while isinstance(command, click.Group) and words:
        usual = getattr(command, "DEFAULT", None)
        if usual and words[0] not in command.commands and words[0] != "--help":
            words = [usual, *words]
        if words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        assert found is not None, f"{line}: there is no {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
    for word in words:
        assert not word.startswith("-") or word in known, f"{line}: there is no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{target} does not exist"


def test_the_diagram_is_the_table() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", (ROOT / "docs/ARCHITECTURE.md").read_text(), re.MULTILINE))
    forward = {(a, b) for a, following in NEXT.items() for b in following if b != "REVERTING" or a in GOING_BACK}
    assert drawn == forward


def test_every_forward_state_can_turn_back() -> None:
    assert all("REVERTING" in following for state, following in NEXT.items() if state not in GOING_BACK)


def test_the_makefile_has_what_the_readme_says() -> None:
    said = set(re.findall(r"`?(?:\$ |`)(?:KEEP=1 )?make (\w+)", (ROOT / "README.md").read_text()))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert said <= targets
