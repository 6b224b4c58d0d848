"""What a recipe takes from its folder: every file that a COPY or ADD names, as the folder has it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stoneware.bake.instructions import Instruction, instructions
from stoneware.bake.recipe import RecipeFiles
from stoneware.errors import BakeFailed
from stoneware.host.files import sha256_of
from stoneware.model.attestation import Material
from stoneware.model.listing import FileEntry, to_lines

HIDDEN = ".wh."
"""With this a name in a layer hides another one (OCI image specification, "Whiteouts")."""


def require_plain_names(files: RecipeFiles) -> None:
    """Raises BakeFailed for a file that would be taken for an order to remove another one."""
    for one in _takers(files):
        for path in _taken(one, files.context):
            if path.name.startswith(HIDDEN):
                shown = path.relative_to(files.context)
                step = f"line {one.line}: {one.name} {one.text}"
                raise BakeFailed(
                    f"{shown} can't be in an image: in a layer its name hides a file", step, "", "rename it"
                )


def context_material(files: RecipeFiles) -> Material | None:
    """All that the recipe takes from its folder, as one digest: of a listing of names, modes and contents. None when it takes
    nothing. (What an ignore file leaves out is among it.)"""
    found = {str(path.relative_to(files.context)): path for path in taken_files(files)}
    if not found:
        return None
    entries = {name: entry for name, path in found.items() if (entry := _entry(path)) is not None}
    return Material(name="context", digest={"sha256": hashlib.sha256(to_lines(entries)).hexdigest()})


def taken_files(files: RecipeFiles) -> Iterator[Path]:
    """Everything that the recipe takes from its folder; some of it more than once."""
    return (path for one in _takers(files) for path in _taken(one, files.context))


def _takers(files: RecipeFiles) -> list[Instruction]:
    text = files.containerfile.read_text(errors="replace")
    return [one for one in instructions(text) if one.name in ("COPY", "ADD")]


def _taken(one: Instruction, context: Path) -> Iterator[Path]:
    sources = one.sources
    for source in ["."] if sources is None else sources:
        pattern = os.path.normpath(source.lstrip("/") or ".")
        if pattern.startswith(".."):
            continue  # the build refuses it
        for path in [context] if pattern == "." else context.glob(pattern):
            if path == context or path.parent.resolve().is_relative_to(
                context.resolve()
            ):  # no link in between leads out
                yield from _walk(path, context)


def _walk(path: Path, context: Path) -> Iterator[Path]:
    if path != context:
        yield path
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            if inner != context / ".git":
                yield from _walk(inner, context)


def _entry(path: Path) -> FileEntry | None:
    """None for what is no file, folder or link: a build takes none of these."""
    seen = path.lstat()
    mode = stat.S_IMODE(seen.st_mode)
    if stat.S_ISDIR(seen.st_mode):
        return FileEntry("d", mode, 0, 0, 0, "")
    if stat.S_ISLNK(seen.st_mode):
        return FileEntry("l", 0o777, 0, 0, seen.st_size, str(path.readlink()))
    return FileEntry("f", mode, 0, 0, seen.st_size, sha256_of(path)) if stat.S_ISREG(seen.st_mode) else None
