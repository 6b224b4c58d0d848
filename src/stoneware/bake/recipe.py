"""What a recipe is: a Containerfile, and the folder it takes files from. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.stages import Stages, stages_of
from stoneware.errors import BadInput

LARGEST_BYTES = 2**20
PREPROCESSED = ".in"
"""buildah hands a file of this kind to the C preprocessor, which includes any file of the host (buildah-build(1))."""


@dataclass(frozen=True)
class RecipeFiles:
    """Where a recipe's files are."""

    containerfile: Path
    context: Path

    @property
    def bases(self) -> list[str]:
        """All images that it takes something from."""
        return list(self._stages.sources)

    @property
    def base(self) -> str:
        """What the last stage stands on in the end, through the stages that it starts from; `scratch` for nothing."""
        return self._stages.base

    @property
    def _stages(self) -> Stages:
        return stages_of(self.containerfile.read_text(errors="replace"))


def find_recipe(folder: Path, containerfile: str, context: str) -> RecipeFiles:
    """The recipe's files below a folder. Raises BadInput when they aren't there."""
    found = RecipeFiles((folder / containerfile).resolve(), (folder / context).resolve())
    if not found.containerfile.is_file():
        raise BadInput(
            f"there is no recipe {folder / containerfile}",
            next_step="check `containerfile` in stoneware.yaml",
            code="recipe-failed",
        )
    if found.containerfile.stat().st_size > LARGEST_BYTES:
        raise BadInput(
            f"{folder / containerfile} is larger than {LARGEST_BYTES // 2**20} MiB, which no recipe is",
            next_step="check `containerfile` in stoneware.yaml, and COPY what is data",
            code="recipe-failed",
        )
    if not found.context.is_dir():
        raise BadInput(
            f"there is no folder {folder / context}",
            next_step="check `context` in stoneware.yaml",
            code="recipe-failed",
        )
    if found.containerfile.name.endswith(PREPROCESSED):
        raise BadInput(
            f"{folder / containerfile} would go through the C preprocessor",
            next_step=f"give it a name that doesn't end in {PREPROCESSED}",
            code="recipe-failed",
        )
    return found
