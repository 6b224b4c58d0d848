"""What a recipe is: a Containerfile, the folder it takes files from, and the commit that both stand at. Nothing is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import BadInput, StonewareError
from stoneware.host.files import sha256_of
from stoneware.host.run import run
from stoneware.model.image import Recipe

_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class RecipeFiles:
    """Where a recipe's files are."""

    containerfile: Path
    context: Path

    @property
    def bases(self) -> list[str]:
        """What the stages start from; names of earlier stages left out."""
        stages: set[str] = set()
        bases = []
        for base, stage in _FROM.findall(self.containerfile.read_text(errors="replace")):
            if base not in stages and base != "scratch":
                bases.append(base)
            stages.add(stage)
        return bases


def find_recipe(folder: Path, containerfile: str, context: str) -> RecipeFiles:
    """The recipe's files below a folder. Raises BadInput when they aren't there."""
    found = RecipeFiles((folder / containerfile).resolve(), (folder / context).resolve())
    if not found.containerfile.is_file():
        raise BadInput(
            f"there is no recipe {folder / containerfile}", next_step="check `containerfile` in stoneware.yaml"
        )
    if not found.context.is_dir():
        raise BadInput(f"there is no folder {folder / context}", next_step="check `context` in stoneware.yaml")
    return found


def describe(files: RecipeFiles, base_digest: str) -> Recipe:
    """The recipe as it goes into a manifest."""
    commit, dirty = _commit(files.context)
    return Recipe(
        containerfile=files.containerfile.name,
        containerfile_sha256=sha256_of(files.containerfile),
        commit=commit,
        dirty=dirty,
        base=files.bases[-1] if files.bases else "scratch",
        base_digest=base_digest,
    )


def repository_of(folder: Path) -> str:
    """Where a folder's repository was cloned from, as git knows it; empty when it doesn't. It may hold a password: publish it by
    `repository.git_uri` alone."""
    try:
        return run(["git", "-C", folder, "remote", "get-url", "origin"], timeout_s=10).stdout.strip()
    except StonewareError:
        return ""


def _commit(folder: Path) -> tuple[str, bool]:
    """The commit of a folder, and whether something in it differs from it; nothing outside a repository."""
    try:
        commit = run(["git", "-C", folder, "rev-parse", "HEAD"], timeout_s=10).stdout.strip()
        changed = run(["git", "-C", folder, "status", "--porcelain", "--", "."], timeout_s=30).stdout.strip()
    except StonewareError:
        return "", False
    return commit, bool(changed)
