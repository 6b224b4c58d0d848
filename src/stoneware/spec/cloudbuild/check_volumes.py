"""The rules for volumes: names, paths, and that they are shared at all."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence

from stoneware.spec.cloudbuild.file import BuildDraft, Complaints, VolumeDraft
from stoneware.spec.yaml_lines import Path, shown

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
RESERVED = ("/", "/workspace", "/builder/home", "/builder/outputs", "/var/run/docker.sock", "/run/docker.sock")
"""Paths that are something else in every step already."""
UNTOUCHABLE = ("/cloudbuild", "/proc", "/sys", "/dev")
"""Folders that no volume may be in, or be."""
OPTIONS: Path = ("options", "volumes")


def check_volumes(build: BuildDraft, say: Complaints) -> None:
    """Says everything that is wrong with the volumes of steps, and with those of all steps."""
    shared = build.options.volumes
    if shared and len(build.steps) < 2:
        say.wrong(OPTIONS, "are shared by one step only", "leave them out: files in /workspace stay between steps")
    _each(shared, OPTIONS, say)
    used = Counter(name for step in build.steps for name in {one.name for one in step.volumes})
    for at, step in enumerate(build.steps):
        here = ("steps", at, "volumes")
        _each(step.volumes, here, say)
        for number, one in enumerate(step.volumes):
            place = (*here, number)
            if one.name and one.name in {other.name for other in shared}:
                say.wrong((*place, "name"), f"all steps have volume {shown(one.name)} already", "leave it out here")
            elif one.path and _clean(one.path) in {_clean(other.path) for other in shared}:
                say.wrong((*place, "path"), f"all steps have a volume at {shown(one.path)}", "choose another path")
            elif used[one.name] == 1 and not say.touches((*place, "name")):
                wrong = f"only this step has volume {shown(one.name)}"
                say.wrong((*place, "name"), wrong, "give it to those that share it, or use /workspace")


def _each(volumes: Sequence[VolumeDraft], here: Path, say: Complaints) -> None:
    names, paths = set[str](), set[str]()
    for at, one in enumerate(volumes):
        name, path = (*here, at, "name"), (*here, at, "path")
        if say.touches((*here, at)):
            continue
        clean = _clean(one.path)
        if not _NAME.fullmatch(one.name):
            wrong = f"{shown(one.name)} has the wrong form" if one.name else "is missing"
            say.wrong(name, wrong, "use at least two letters, digits, _, . or -, beginning with a letter or digit")
        elif one.name in names:
            say.wrong(name, f"volume {shown(one.name)} is given twice", "write it once")
        if not clean.startswith("/"):
            say.wrong(path, f"{shown(one.path)} is not absolute" if one.path else "is missing", "write it like /cache")
        elif clean in RESERVED or any(clean == top or clean.startswith(f"{top}/") for top in UNTOUCHABLE):
            say.wrong(path, f"{shown(one.path)} is something else already", "choose another, such as /cache")
        elif clean in paths:
            say.wrong(path, f"another volume is at {shown(one.path)} already", "choose another path")
        names.add(one.name)
        paths.add(clean)


def _clean(path: str) -> str:
    return posixpath.normpath(path).replace("//", "/") if path else ""
