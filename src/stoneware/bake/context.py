"""What a recipe takes from its folder: every file that a COPY or ADD names, or a RUN mounts, as the folder has it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stoneware.bake.instructions import Instruction, instructions
from stoneware.bake.mount_words import mounts_of
from stoneware.bake.patterns import escaped
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.searching import Search
from stoneware.errors import BakeFailed
from stoneware.host.files import sha256_of
from stoneware.model.attestation import Material
from stoneware.model.listing import FileEntry, to_lines

DEEPEST = 200
"""Folders below each other."""
HIDDEN = ".wh."
"""With this a name in a layer hides another one (OCI image specification, "Whiteouts")."""


def require_plain_names(files: RecipeFiles) -> None:
    """Raises BakeFailed for a file that would be taken for an order to remove another one."""
    for one, path in _taken(_takers(files, "COPY", "ADD"), files.context):
        if path.name.startswith(HIDDEN):
            shown = path.relative_to(files.context)
            step = f"line {one.line}: {one.name} {one.text}"
            raise BakeFailed(f"{shown} can't be in an image: in a layer its name hides a file", step, "", "rename it")


def context_material(files: RecipeFiles) -> Material | None:
    """All that the recipe takes from its folder, as one digest: of a listing of names, modes and contents. None when it takes
    nothing. (What an ignore file leaves out is among it.)"""
    found = {str(path.relative_to(files.context)): path for path in taken_files(files)}
    if not found:
        return None
    entries = {name: entry for name, path in found.items() if (entry := _entry(path)) is not None}
    return Material(name="context", digest={"sha256": hashlib.sha256(to_lines(entries)).hexdigest()})


def mounted_digest(context: Path, source: str) -> str:
    """All that a step sees of its recipe's folder that mounts this of it, as one digest: what git keeps there and what an ignore
    file leaves out are seen as well, and whose it is. The path leads through no link. (Times don't count, as with a COPY.)"""
    entries: dict[str, FileEntry] = {}
    top = context / source.lstrip("/")
    for path in _walk(top):
        entry, seen = _entry(path), path.lstat()
        if entry is not None:
            entries[str("top" / path.relative_to(top))] = replace(entry, uid=seen.st_uid, gid=seen.st_gid)
    return hashlib.sha256(to_lines(entries)).hexdigest()


def taken_files(files: RecipeFiles) -> Iterator[Path]:
    """Everything that the recipe takes from its folder."""
    return (path for _, path in _taken(_takers(files, "COPY", "ADD", "RUN"), files.context))


def _takers(files: RecipeFiles, *names: str) -> list[Instruction]:
    text = files.containerfile.read_text(errors="replace")
    return [one for one in instructions(text) if one.name in names]


def _sources(one: Instruction) -> list[str] | None:
    """What it takes of the folder, as patterns; None when only the build knows."""
    if one.name != "RUN":
        return one.sources
    mounts = mounts_of(one)
    return None if mounts is None else [escaped(mount.source) for mount in mounts if not mount.origin]


def _taken(steps: Sequence[Instruction], context: Path) -> Iterator[tuple[Instruction, Path]]:
    """Each file that steps take, once, with the first of them."""
    search, walked, told = Search(context), set[Path](), {context}
    for one in steps:
        sources = _sources(one)
        for source in dict.fromkeys(["."] if sources is None else sources):
            pattern = os.path.normpath(source.lstrip("/") or ".")
            if pattern == ".." or pattern.startswith("../"):
                continue  # the build refuses it
            for path in [context] if pattern == "." else search.matching(pattern):
                if path in walked:
                    continue
                walked.add(path)
                for inner in _walk(path, without=context / ".git"):
                    search.count(1)
                    if inner not in told:
                        told.add(inner)
                        yield one, inner


def _walk(path: Path, without: Path | None = None) -> Iterator[Path]:
    """A path and all that is in it, in order; of links, themselves."""
    waiting, deepest = [path], len(path.parts) + DEEPEST
    while waiting:
        path = waiting.pop()
        yield path
        if path.is_dir() and not path.is_symlink():
            if len(path.parts) > deepest:
                shown = f"{'/'.join(path.parts[-DEEPEST:])[:40]}..."
                raise BakeFailed(f"{shown} is more than {DEEPEST} folders deep", next_step="move it further up")
            waiting += sorted((inner for inner in path.iterdir() if inner != without), reverse=True)


def _entry(path: Path) -> FileEntry | None:
    """None for what is no file, folder or link: a build takes none of these."""
    seen = path.lstat()
    mode = stat.S_IMODE(seen.st_mode)
    if stat.S_ISDIR(seen.st_mode):
        return FileEntry("d", mode, 0, 0, 0, "")
    if stat.S_ISLNK(seen.st_mode):
        return FileEntry("l", 0o777, 0, 0, seen.st_size, str(path.readlink()))
    return FileEntry("f", mode, 0, 0, seen.st_size, sha256_of(path)) if stat.S_ISREG(seen.st_mode) else None
