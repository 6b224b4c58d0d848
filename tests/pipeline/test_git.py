"""What git says, as one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.errors import Unreachable
from stoneware.host.run import run
from stoneware.pipeline.git import parse_refs, refs_of, what_is_wrong

ADVICE = """fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
"""


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (
            f"fatal: '/srv/x.git' does not appear to be a git repository\n{ADVICE}",
            "'/srv/x.git' does not appear to be a git repository",
        ),
        (f"git@host: Permission denied (publickey).\n{ADVICE}", "git@host: Permission denied (publickey)."),
        (ADVICE, "Could not read from remote repository."),
        ("fatal: remote error: upload-pack: not our ref 0a1b\n", "remote error: upload-pack: not our ref 0a1b"),
        ("error: unable to write file x\nfatal: checkout failed\n", "unable to write file x"),
        ("hint: this\nfatal: that\nhint: and more\n", "that"),
        ("cp: cannot stat 'x': No such file\n", "cp: cannot stat 'x': No such file"),
        ("\n", "git said nothing"),
    ],
)
def test_the_line_that_says_it(told: str, wrong: str) -> None:
    assert what_is_wrong(told) == wrong


def test_a_repository_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not appear to be a git repository \\("):
        refs_of(str(tmp_path / "gone.git"))


@pytest.mark.parametrize("address", ["fd::17", "ext::sleep 60", "nosuch::x", "ftp://127.0.0.1:9/x"])
def test_a_way_that_needs_a_helper_is_refused_at_once(address: str) -> None:
    with pytest.raises(Unreachable, match="not allowed"):
        refs_of(address)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\ufffd"], ids=ascii)
def test_a_branch_whose_name_goes_on_behind_a_separator_is_not_the_one_before_it(separator: str) -> None:
    told = f"{'a' * 40}\trefs/heads/main\n{'e' * 40}\trefs/heads/main{separator}x\n"
    assert parse_refs(told) == {"refs/heads/main": "a" * 40}


def test_nobody_passes_for_another_branch_by_its_name(tmp_path: Path) -> None:
    repository = tmp_path / "shop.git"
    run(["git", "init", "-q", "-b", "main", repository])
    write = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b"]
    run([*write, "commit", "-q", "--allow-empty", "-m", "good"])
    run([*write, "checkout", "-q", "-b", "main\u2028x"])
    run([*write, "commit", "-q", "--allow-empty", "-m", "evil"])
    run([*write, "checkout", "-q", "main"])
    good = run([*write, "rev-parse", "main"]).stdout.strip()
    assert refs_of(str(repository)) == {"HEAD": good, "refs/heads/main": good}
