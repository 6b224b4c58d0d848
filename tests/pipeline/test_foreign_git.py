"""Repositories that belong to others: nothing that they configure runs, and far ones are asked in words that they take."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.conftest import commit, git

from stoneware.errors import Unreachable
from stoneware.host.run import run
from stoneware.model.build import Source
from stoneware.pipeline.git import QUIET, refs_of
from stoneware.pipeline.refs import changed_files
from stoneware.pipeline.source import fetch_words


def two_commits(work: Path) -> tuple[str, str]:
    """A repository whose second commit changes `docs/b`."""
    commit(work, {"a": "a"})
    old = git("-C", str(work), "rev-parse", "HEAD").strip()
    commit(work, {"docs/b": "b"})
    return old, git("-C", str(work), "rev-parse", "HEAD").strip()


def script(place: Path, *lines: str) -> Path:
    place.write_text("\n".join(("#!/bin/sh", *lines, "")))
    place.chmod(0o755)
    return place


@pytest.mark.parametrize("inside", ["", ".git"])
def test_what_a_push_has_changed_in_a_repository_of_this_host(tmp_path: Path, inside: str) -> None:
    old, new = two_commits(tmp_path / "work")
    for _ in range(2):
        assert changed_files(str(tmp_path / "work" / inside), tmp_path / "mirrors", old, new) == ("docs/b",)
    assert changed_files(str(tmp_path / "work" / inside), tmp_path / "mirrors", "0" * 40, new) is None


def test_a_repository_that_lacks_something_runs_nothing_to_get_it(tmp_path: Path) -> None:
    old, new = two_commits(tmp_path / "work")
    ran = tmp_path / "ran"
    evil = script(tmp_path / "evil.sh", f"touch {ran}", "exit 1")
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", str(tmp_path / "nowhere")),
        ("remote.origin.uploadpack", str(evil)),
    ):
        git("-C", str(tmp_path / "work"), "config", name, value)
    tree = git("-C", str(tmp_path / "work"), "rev-parse", f"{new}^{{tree}}").strip()
    (tmp_path / "work" / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(Unreachable):
        changed_files(str(tmp_path / "work"), tmp_path / "mirrors", old, new)
    assert refs_of(str(tmp_path / "work"))["refs/heads/main"] == new
    assert not ran.exists()


def test_the_repository_that_the_daemon_was_started_in_has_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_commits(tmp_path / "work")
    git("-C", str(tmp_path / "work"), "config", f"url.{tmp_path / 'other'}.insteadOf", str(tmp_path / "work"))
    monkeypatch.chdir(tmp_path / "work")
    assert "refs/heads/main" in refs_of(str(tmp_path / "work"))


def test_a_far_shell_that_takes_git_s_own_words_alone_is_asked_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = two_commits(tmp_path / "work")
    shell = script(tmp_path / "far.sh", "for last; do :; done", 'exec git-shell -c "$last"')
    monkeypatch.setitem(QUIET, "GIT_SSH_COMMAND", str(shell))
    address = f"ssh://git@far{tmp_path / 'work'}"
    assert refs_of(address)["refs/heads/main"] == new
    assert changed_files(address, tmp_path / "mirrors", old, new) == ("docs/b",)
    for words in fetch_words(Source(repository=address, commit=new), tmp_path / "workspace", None):
        run(words, env=QUIET)
    assert (tmp_path / "workspace" / "docs" / "b").read_text() == "b"


def test_what_is_set_for_the_daemon_s_user_runs_for_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that is set there (as git-lfs does) is named by whoever writes a commit."""
    ran, shared = tmp_path / "ran", tmp_path / "work"
    two_commits(shared)
    (shared / ".gitattributes").write_text("* filter=odd\n")
    git("-C", str(shared), "add", ".")
    git("-C", str(shared), "commit", "--quiet", "-m", "odd")
    filtering = script(tmp_path / "filter.sh", f"touch {ran}", "cat")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(
        f'[filter "odd"]\n\tsmudge = {filtering}\n\trequired = true\n[url "{shared}"]\n\tinsteadOf = https://far.example/\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    commit = refs_of(str(shared))["refs/heads/main"]
    for words in fetch_words(Source(repository="https://far.example/", commit=commit), tmp_path / "workspace", None):
        run(words, env=QUIET)
    assert (tmp_path / "workspace" / "docs" / "b").read_text() == "b"
    assert not ran.exists()
