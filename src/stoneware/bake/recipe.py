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

_ARG = re.compile(r"^\s*ARG\s+([A-Za-z_][A-Za-z0-9_]*)=\"?([^\s\"]*)\"?\s*$", re.IGNORECASE | re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


@dataclass(frozen=True)
class RecipeFiles:
    """Where a recipe's files are."""

    containerfile: Path
    context: Path

    @property
    def bases(self) -> list[str]:
        """What the stages start from; names of earlier stages left out."""
        return [base for base, _ in self._stages() if base != "scratch"]

    @property
    def base(self) -> str:
        """What the last stage stands on in the end, through the stages that it starts from; `scratch` for nothing."""
        return self._stages()[-1][1] if self._stages() else "scratch"

    def _stages(self) -> list[tuple[str, str]]:
        """Each FROM that names no earlier stage, and what it comes to; the last one is that of the last stage."""
        text = self.containerfile.read_text(errors="replace")
        values = dict(_ARG.findall(text.split("\nFROM", 1)[0]))
        roots: dict[str, str] = {}
        found: list[tuple[str, str]] = []
        last = ""
        for written, stage in _FROM.findall(text):
            base = _VARIABLE.sub(lambda match: values.get(match[1] or match[2], match[0]), written)
            last = roots.get(base, base)
            if base not in roots:
                found.append((base, base))
            roots[stage or f"\0{len(roots)}"] = last
        return [*found[:-1], (found[-1][0], last)] if found else []


def find_recipe(folder: Path, containerfile: str, context: str) -> RecipeFiles:
    """The recipe's files below a folder. Raises BadInput when they aren't there."""
    found = RecipeFiles((folder / containerfile).resolve(), (folder / context).resolve())
    if not found.containerfile.is_file():
        raise BadInput(
            f"there is no recipe {folder / containerfile}",
            next_step="check `containerfile` in stoneware.yaml",
            code="recipe-failed",
        )
    if not found.context.is_dir():
        raise BadInput(
            f"there is no folder {folder / context}",
            next_step="check `context` in stoneware.yaml",
            code="recipe-failed",
        )
    return found


def describe(files: RecipeFiles, base_digest: str) -> Recipe:
    """The recipe as it goes into a manifest."""
    commit, dirty = _commit(files.context)
    return Recipe(
        containerfile=files.containerfile.name,
        containerfile_sha256=sha256_of(files.containerfile),
        commit=commit,
        dirty=dirty,
        base=files.base,
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
