"""What `stoneware init` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from stoneware.errors import BadInput, Conflict

NAMES = ("stoneware.yaml", "Containerfile")


def write_template(folder: Path) -> list[Path]:
    """Writes a starting point that works as it is. Raises Conflict rather than overwrite a file, BadInput for no folder."""
    taken = [name for name in NAMES if (folder / name).exists()]
    if taken:
        raise Conflict(
            f"{', '.join(taken)} exists already in {folder}",
            "use another folder, or edit what is there",
            code="name-taken",
        )
    source = files("stoneware.spec.template")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (folder / name).write_bytes(source.joinpath(name).read_bytes())
    except OSError as broken:
        raise BadInput(f"{folder} can't be written to: {broken.strerror}", next_step="name another folder") from broken
    return [folder / name for name in NAMES]
