"""What a push has changed in a repository, in paths."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stoneware.errors import Refused, ToolFailed
from stoneware.host.run import run
from stoneware.pipeline.git import LIMIT_S, NOWHERE, QUIET, ask_git, git_words, upload_words

FETCH_S = 600.0
LONGEST_LIST = 20_000


def changed_files(repository: str, mirrors: Path, old: str, new: str) -> tuple[str, ...] | None:
    """The paths that differ between two commits; None when that can't be said (a new ref, or a commit that is gone).

    They are compared in a mirror below `mirrors`, which is brought up to date first: whoever has a repository says in its settings
    what git runs when it works there. Raises Unreachable when it doesn't answer.
    """
    if not old:
        return None
    mirror = _mirror(repository, mirrors)
    words = git_words(f"--git-dir={mirror}", "diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--")
    try:
        told = run(words, timeout_s=LIMIT_S, env=QUIET, cwd=NOWHERE).stdout
    except ToolFailed:
        return None
    files = tuple(path for path in told.split("\0") if path)
    return files if len(files) <= LONGEST_LIST else None


def require_repository(folder: Path) -> None:
    """Raises Refused when this folder is no repository that git reads. No object of it is looked at."""
    try:
        run(
            git_words(f"--git-dir={_git_dir(folder)}", "rev-parse", "--git-dir"),
            timeout_s=LIMIT_S,
            env=QUIET,
            cwd=NOWHERE,
        )
    except ToolFailed as failed:
        raise Refused(f"{folder} is no git repository", "`git init --bare` makes one") from failed


def _git_dir(folder: Path) -> Path:
    """Of a repository with a working tree, the folder inside it."""
    return folder / ".git" if (folder / ".git").exists() else folder


def _mirror(repository: str, mirrors: Path) -> Path:
    """A bare copy of its branches and tags, brought up to date."""
    folder = mirrors / f"{hashlib.sha256(repository.encode()).hexdigest()[:32]}.git"
    if not (folder / "HEAD").exists():
        mirrors.mkdir(parents=True, exist_ok=True, mode=0o700)
        ask_git(repository, git_words("init", "--quiet", "--bare", "--template=", folder))
    words = git_words(f"--git-dir={folder}", "fetch", "--quiet", "--prune", "--no-tags")
    words += ["--no-recurse-submodules"]
    # without files only from afar: git takes no folder for a place from which what is missing might come later
    words += upload_words(repository) or ["--filter=blob:none"]
    words += ["--", repository, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    ask_git(repository, words, FETCH_S)
    return folder
