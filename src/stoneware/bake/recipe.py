"""What a recipe is: a Containerfile, and the folder it takes files from. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.instructions import instructions
from stoneware.bake.stages import Stages, stages_of
from stoneware.errors import BadInput

PREPROCESSED = ".in"
"""buildah hands a file of this kind to the C preprocessor, which includes any file of the host (buildah-build(1))."""
LARGEST_BYTES = 2**20
MOST_INSTRUCTIONS = 2000


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
    _require_readable(found.containerfile)
    return found


def _require_readable(containerfile: Path) -> None:
    """A recipe may be a commit's, whose author wants us to read for ever."""
    with containerfile.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise BadInput(
            f"the recipe {containerfile.name} is larger than 1 MiB",
            next_step="put what it writes into files of the repository, and COPY them",
            code="recipe-refused",
        )
    if (number := len(instructions(data.decode(errors="replace")))) > MOST_INSTRUCTIONS:
        raise BadInput(
            f"the recipe {containerfile.name} has {number} instructions, more than {MOST_INSTRUCTIONS}",
            next_step="join steps by `&&`, or move them into a script that the recipe copies and runs",
            code="recipe-refused",
        )
