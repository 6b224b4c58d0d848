"""Where a recipe stands: the commit of its files, and whether that commit has them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stoneware.bake.context import taken_files
from stoneware.bake.recipe import RecipeFiles
from stoneware.errors import StonewareError
from stoneware.host.files import sha256_of
from stoneware.host.run import run
from stoneware.model.image import Recipe

LIMIT_S = 30
CAREFUL = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null")
"""A folder of a commit may look like a repository itself, with a configuration that names programs: only a real one counts."""
IGNORED = "!! "


def describe(files: RecipeFiles, base_digest: str, others: Mapping[str, str] | None = None) -> Recipe:
    """The recipe as it goes into a manifest. `others` are the images that it takes something from beside its base, with their
    digests."""
    commit, dirty = _commit(files)
    return Recipe(
        containerfile=files.containerfile.name,
        containerfile_sha256=sha256_of(files.containerfile),
        commit=commit,
        dirty=dirty,
        base=files.base,
        base_digest=base_digest,
        others=dict(others or {}),
    )


def repository_of(folder: Path) -> str:
    """Where a folder's repository was cloned from, as git knows it; empty when it doesn't. It may hold a password: publish it by
    `repository.git_uri` alone."""
    root = _root(folder.resolve())
    return _ask(root, "remote", "get-url", "origin") or "" if root else ""


def _commit(files: RecipeFiles) -> tuple[str, bool]:
    """The commit of a recipe, and whether something of it isn't that commit's; nothing outside a repository."""
    root = _root(files.context)
    commit = _ask(root, "rev-parse", "--verify", "HEAD") if root else None
    if root is None or not commit:
        return "", False
    words: list[str | Path] = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching"]
    words += ["--ignore-submodules=dirty", "--", files.context]
    told = _ask(root, *words, *([files.containerfile] if files.containerfile.is_relative_to(root) else []))
    if told is None:
        return "", False
    entries = [entry for entry in told.split("\0") if entry]
    ignored = [root / entry.removeprefix(IGNORED) for entry in entries if entry.startswith(IGNORED)]
    if len(ignored) < len(entries) or not files.containerfile.is_relative_to(root):
        return commit, True
    return commit, bool(ignored) and any(_is_in(path, ignored) for path in taken_files(files))


def _is_in(path: Path, places: list[Path]) -> bool:
    return any(path == place or path.is_relative_to(place) for place in places)


def _root(folder: Path) -> Path | None:
    """The folder of the repository: the nearest one above that has a `.git`, which no commit can bring along."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _ask(root: Path, *words: str | Path) -> str | None:
    try:
        return run(["git", *CAREFUL, "-C", root, *words], timeout_s=LIMIT_S).stdout.strip()
    except StonewareError:
        return None
