"""What `stoneware init` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from stoneware.errors import Conflict

NAMES = ("stoneware.yaml", "Containerfile")


def write_template(folder: Path) -> list[Path]:
    """Writes a starting point that works as it is. Raises Conflict rather than overwrite a file."""
    taken = [name for name in NAMES if (folder / name).exists()]
    if taken:
        raise Conflict(f"{', '.join(taken)} exists already in {folder}", "use another folder, or edit what is there")
    folder.mkdir(parents=True, exist_ok=True)
    source = files("stoneware.spec.template")
    for name in NAMES:
        (folder / name).write_bytes(source.joinpath(name).read_bytes())
    return [folder / name for name in NAMES]
