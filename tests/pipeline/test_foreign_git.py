"""Repositories that belong to others: nothing that they configure runs, and far ones are asked in words that they take."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.conftest import commit, git

from stoneware.bake.origin import describe
from stoneware.bake.recipe import RecipeFiles
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


def test_a_commit_has_nothing_run_by_the_settings_of_the_daemon_s_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attributes name filters that the user has; hooks, watchers and submodules come from the user's settings as well."""
    work, home, ran = tmp_path / "work", tmp_path / "home", tmp_path / "ran"
    commit(work, {".gitattributes": "* filter=tool\n", "Containerfile": "FROM scratch\n", "sub/a": "a"})
    new = git("-C", str(work), "rev-parse", "HEAD").strip()
    tool = script(tmp_path / "tool.sh", f"echo ran >> {ran}", "tr a b")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        script(hooks / hook, f"echo {hook} >> {ran}")
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "attributes").write_text("* filter=tool\n")
    settings = "".join(
        f"[{section}]\n{name} = {value}\n"
        for section, name, value in (
            ('filter "tool"', "smudge", tool),
            ('filter "tool"', "clean", tool),
            ('filter "tool"', "required", "true"),
            ("core", "hooksPath", hooks),
            ("core", "fsmonitor", tool),
            ("submodule", "recurse", "true"),
            (f'url "{work}"', "insteadOf", "https://private.test/shop.git"),  # stands for what reaches a private one
        )
    )
    (home / ".gitconfig").write_text(settings)
    (tmp_path / "also").write_text(settings)
    for name in ("GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    for name, value in (("COUNT", "1"), ("KEY_0", "include.path"), ("VALUE_0", str(tmp_path / "also"))):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)

    workspace, pristine = tmp_path / "workspace", tmp_path / "pristine"
    for words in fetch_words(Source(repository="https://private.test/shop.git", commit=new), workspace, pristine):
        run(words, env=QUIET)
    assert (workspace / "sub" / "a").read_text() == "a"

    file = pristine / "Containerfile"
    file.touch()  # what git has to look into once more
    recipe = describe(RecipeFiles(containerfile=file, context=pristine), "")
    assert (recipe.commit, recipe.dirty) == (new, False)
    assert not ran.exists()


def test_nothing_of_git_goes_on_in_a_workspace(tmp_path: Path) -> None:
    """git tidies up behind a fetch, in the background: then, a step may have written what it reads."""
    shared, trace = tmp_path / "work", tmp_path / "trace"
    _, new = two_commits(shared)
    for words in fetch_words(Source(repository=str(shared), commit=new), tmp_path / "workspace", None):
        run(words, env={**QUIET, "GIT_TRACE": str(trace)})
    told = trace.read_text()
    assert "upload-pack" in told and "maintenance run" not in told and "gc --auto" not in told
