"""What the steps of a recipe mount. buildah (1.28) knows a RUN by its words, and for the same words it takes the layer that it made
of other files. So what is mounted counts for the layer beside them; where only the build knows what that is, it uses no layer that
was there before.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stoneware.bake import mounts
from stoneware.bake.context import mounted_digest
from stoneware.bake.instructions import OTHER_ESCAPE, Instruction, instructions
from stoneware.bake.mount_words import mounts_of
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.stages import FROM

_MOUNT = re.compile("mount", re.IGNORECASE)


@dataclass(frozen=True)
class StepMounts:
    """What steps mount, a line of text for each, by the number of the step's first line. `unknown` is the first step of which only
    the build knows that; None when there is none."""

    told: dict[int, str]
    unknown: Instruction | None = None


def step_mounts(files: RecipeFiles, images: Mapping[str, str]) -> StepMounts:
    """What is in the files, folders and images that steps mount, as digests. `images` are digests of images by their names, as
    far as they are known."""
    text = files.containerfile.read_text(errors="replace")
    if not _MOUNT.search(text):
        return StepMounts({})
    if other := OTHER_ESCAPE.search(text):
        return StepMounts({}, Instruction(text.count("\n", 0, other.start()) + 1, "", other[0].strip()))
    steps = instructions(text)
    begins = [FROM.match(one.words) for one in steps if one.name == "FROM"]
    stages = {found[2].lower() for found in begins if found and found[2]}
    images = {name: digest for name, digest in images.items() if name.lower() not in stages}
    told: dict[int, str] = {}
    digests: dict[str, str] = {}
    for one in steps:
        words = _of_step(one, files, images, digests)
        if words is None:
            return StepMounts({}, one)
        if words:
            told[one.line] = " ".join(words)
    return StepMounts(told)


def _of_step(
    one: Instruction, files: RecipeFiles, images: Mapping[str, str], digests: dict[str, str]
) -> list[str] | None:
    """A digest for each mount that shows something; None when only the build knows one of them. `digests` keeps those of files, so
    that what many steps mount is read once."""
    if one.name == "ONBUILD" and _MOUNT.search(one.text):
        return None
    found = mounts_of(one)
    if found is None:
        return None
    words = []
    for mount in found:
        if mount.origin:
            digest = images.get(mount.origin, "")
        elif mounts.leading_out(mount.source, files.context):
            digest = ""
        else:
            place = posixpath.normpath(mount.source.lstrip("/") or ".")
            digest = digests[place] = digests.get(place) or mounted_digest(files.context, mount.source)
        if not digest:
            return None
        words.append(digest)
    return words
