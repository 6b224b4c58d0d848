"""Layers that are used by nobody else's builds: buildah takes a layer that it has made for the same steps before, whoever's they
were (buildah-build(1), `--layers`). A label behind each FROM makes the steps one owner's own; no delivered image has it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

from stoneware.bake.instructions import instructions
from stoneware.bake.recipe import RecipeFiles

LABEL = "org.stoneware.cache"
IGNORED_BY = (".containerignore", ".dockerignore")
"""A file of this kind beside a Containerfile says what its build leaves out."""


def of_owner(files: RecipeFiles, owner: str, folder: Path) -> RecipeFiles:
    """The same recipe, written to a folder, with layers of its own. Both lead to the same image."""
    text = files.containerfile.read_bytes().decode(errors="surrogateescape")
    return written(files, labelled(text, owner), folder / "owned")


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


def labelled(text: str, owner: str) -> str:
    """A Containerfile whose stages begin with the owner's label; all else is as it was, to the byte."""
    label = f'LABEL {LABEL}="{hashlib.sha256(owner.encode()).hexdigest()[:16]}"\n'
    begins = {one.last for one in instructions(text) if one.name == "FROM"}
    lines = []
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), 1):
        whole = line if line.endswith("\n") or number not in begins else f"{line}\n"
        lines += [whole, label] if number in begins else [line]
    return "".join(lines)
