"""Where a build's workspace comes from, as commands that a supervisor runs: nothing here waits for them."""

from __future__ import annotations

from pathlib import Path

from stoneware.errors import BadInput, NotFound, Unreachable
from stoneware.model.build import Source
from stoneware.pipeline.git import OBJECT, bare_git_words, git_words, refs_of, short_name, upload_words

NO_FILTERS = Path(__file__).with_name("no-filters.attributes")
"""Attributes of git that come before those of a commit."""


def fetch_words(source: Source, workspace: Path, pristine: Path | None) -> list[list[str | Path]]:
    """The commands that fill `workspace`, and then `pristine` with the same, where one is wanted."""
    words = _copy(Path(source.folder), workspace) if source.folder else _clone(source, workspace)
    if pristine:
        words += _copy(workspace, pristine)
        words += [] if source.folder else [_without_filters(pristine)]
    return words


def _copy(folder: Path, target: Path) -> list[list[str | Path]]:
    return [["mkdir", "-p", target], ["cp", "-a", "--reflink=auto", f"{folder}/.", target], ["chmod", "0777", target]]


def _clone(source: Source, workspace: Path) -> list[list[str | Path]]:
    """One commit and nothing else. Its objects are copied: with links to those of the repository, a step could change them. Only
    what asks the repository knows the settings of the daemon's user. Nothing of git goes on behind it: it would tidy up where steps
    write what it reads."""
    git, upload = bare_git_words("-C", workspace), upload_words(source.repository)
    fetch: list[str | Path] = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"]
    fetch += ["--no-auto-maintenance", *upload]
    checkout = ["checkout", "--quiet", "--detach", "--no-recurse-submodules", source.commit]
    return [
        bare_git_words("-c", "init.defaultBranch=main", "init", "--quiet", "--template=", workspace),
        [*git, "remote", "add", "origin", source.repository],
        [*git_words("-C", workspace), *fetch, "origin", source.commit],
        [*git, "-c", "advice.detachedHead=false", *checkout],
    ]


def _without_filters(clone: Path) -> list[str | Path]:
    """A bake asks git whether the files are the commit's, and git would run the filters of the daemon's user to know it."""
    return ["install", "-D", "-m", "0644", NO_FILTERS, clone / ".git" / "info" / "attributes"]


def resolve_ref(repository: str, ref: str) -> Source:
    """The commit that a branch, tag or commit of a repository stands for now. Raises NotFound, BadInput."""
    if repository.startswith("-") or ref.startswith("-"):
        raise BadInput(f"{repository}@{ref} is no repository", next_step="write PATH@BRANCH, or ADDRESS@BRANCH")
    name = short_name(repository)
    if OBJECT.match(ref):
        return Source(repository=repository, name=name, commit=ref)
    try:
        known = refs_of(repository)
    except Unreachable as away:
        raise NotFound(f"{repository} can't be read: {away.message}", away.next_step) from away
    for branch, tag, full in ((ref, "", f"refs/heads/{ref}"), ("", ref, f"refs/tags/{ref}"), ("", "", "HEAD")):
        if full in known and (full != "HEAD" or ref == "HEAD"):
            return Source(repository=repository, name=name, commit=known[full], branch=branch, tag=tag)
    raise NotFound(f"{repository} has no branch or tag {ref}", "`git ls-remote` shows them")
