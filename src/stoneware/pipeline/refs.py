"""What a push has changed in a repository, in paths."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stoneware.errors import Refused, ToolFailed
from stoneware.host.run import run
from stoneware.pipeline.git import LIMIT_S, QUIET, UPLOAD, ask_git, git_words

FETCH_S = 600.0
LONGEST_LIST = 20_000


def changed_files(repository: str, mirrors: Path, old: str, new: str) -> tuple[str, ...] | None:
    """The paths that differ between two commits; None when that can't be said (a new ref, or a commit that is gone).

    What isn't on this host is fetched into a mirror below `mirrors` first. Raises Unreachable when it doesn't come.
    """
    if not old:
        return None
    folder = Path(repository) if repository.startswith("/") else _mirror(repository, mirrors)
    words = git_words(
        f"--git-dir={_git_dir(folder)}", "diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--"
    )
    try:
        told = run(words, timeout_s=LIMIT_S, env=QUIET).stdout
    except ToolFailed:
        return None
    files = tuple(path for path in told.split("\0") if path)
    return files if len(files) <= LONGEST_LIST else None


def require_repository(folder: Path) -> None:
    """Raises Refused when this folder is no repository that git reads."""
    try:
        run(git_words(f"--git-dir={_git_dir(folder)}", "rev-parse", "--git-dir"), timeout_s=LIMIT_S, env=QUIET)
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
    words = git_words(f"--git-dir={folder}", "fetch", "--quiet", "--prune", "--no-tags", "--filter=blob:none")
    words += [f"--upload-pack={UPLOAD}", "--", repository, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    ask_git(repository, words, FETCH_S)
    return folder
