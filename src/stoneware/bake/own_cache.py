"""Layers that are used by nobody else's builds, and for nothing else: buildah takes a layer that it has made for the same steps
before, whoever's they were and whatever they had mounted (buildah-build(1), `--layers`). A label behind each FROM makes the steps
one owner's own, and one before a RUN that mounts something says what was in it; no delivered image has either.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from stoneware.bake.instructions import instructions
from stoneware.bake.recipe import RecipeFiles

LABEL = "org.stoneware.cache"
IGNORED_BY = (".containerignore", ".dockerignore")
"""A file of this kind beside a Containerfile says what its build leaves out."""


def own(files: RecipeFiles, owner: str, told: Mapping[int, str], folder: Path) -> RecipeFiles:
    """The same recipe, written to a folder, with layers of its own: of this owner, if it has one, and for what its steps mount
    (`mounted`). Both lead to the same image."""
    text = files.containerfile.read_bytes().decode(errors="surrogateescape")
    return written(files, labelled(text, owner, told), folder / "owned") if owner or told else files


def written(files: RecipeFiles, text: str, folder: Path) -> RecipeFiles:
    """The same recipe with another text, in a folder that is made for it, with what its build leaves out."""
    folder.mkdir()
    copy = folder / files.containerfile.name
    copy.write_bytes(text.encode(errors="surrogateescape"))
    for suffix in IGNORED_BY:
        beside = files.containerfile.with_name(files.containerfile.name + suffix)
        if beside.is_file():
            shutil.copyfile(beside, copy.with_name(copy.name + suffix))
    return replace(files, containerfile=copy)


def labelled(text: str, owner: str, told: Mapping[int, str] = MappingProxyType({})) -> str:
    """A Containerfile whose stages begin with the owner's label, if there is one, and in which a label with what is told of a step
    stands before that, by the number of its first line; all else is as it was, to the byte."""
    begins = {one.last for one in instructions(text) if one.name == "FROM"} if owner else set()
    lines = []
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), 1):
        if number in told:
            lines.append(_label(told[number]))
        if number in begins:
            lines += [line if line.endswith("\n") else f"{line}\n", _label(owner)]
        else:
            lines.append(line)
    return "".join(lines)


def _label(said: str) -> str:
    return f'LABEL {LABEL}="{hashlib.sha256(said.encode()).hexdigest()}"\n'
