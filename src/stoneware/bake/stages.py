"""What a Containerfile is made from, read from its instructions: the images that its stages start from and copy from."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stoneware.bake.instructions import Instruction, instructions

SCRATCH = "scratch"
LONGEST_FILLED = 1000
"""Characters of what is looked through for variables, and of what it becomes: names of images are shorter."""
FROM = re.compile(r"^(\S+)(?:\s+AS\s+(\S+))?$", re.IGNORECASE)
_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?::(?P<how>[-+])(?P<word>[^}]*+))?\}|(?P<bare>[A-Za-z_]\w*))", re.ASCII
)


@dataclass(frozen=True)
class Stages:
    """`sources` are all images that it takes something from, in the order in which it names them; names of its own stages are
    left out, and `scratch`. `base` is what the last stage stands on in the end."""

    sources: tuple[str, ...] = ()
    base: str = SCRATCH


def stages_of(text: str) -> Stages:
    """Reads it as a build does; what only the build knows (the value of an argument without a default) stays as it is written."""
    values: dict[str, str] = {}
    roots: dict[str, str] = {}
    sources: list[str] = []
    last, number = SCRATCH, 0
    for one in instructions(text):
        if one.name == "ARG" and not number:
            values |= defaults(one.text, values)
        elif one.name == "FROM" and (found := FROM.match(one.words)):
            base = filled(found[1], values)
            last = roots.get(base.lower(), base)
            if base.lower() not in roots:
                sources.append(base)
            for name in (str(number), *([found[2].lower()] if found[2] else [])):
                roots[name] = last
            number += 1
        else:
            taken = (filled(name, values) for name in _taken_from(one))
            sources += [name for name in taken if name.lower() not in roots]
    return Stages(tuple(dict.fromkeys(name for name in sources if name != SCRATCH)), last)


def _taken_from(one: Instruction) -> Iterator[str]:
    """The images or stages that an instruction copies or mounts something of."""
    for flag in one.flags:
        if one.name in ("COPY", "ADD") and flag.startswith("from="):
            yield flag.removeprefix("from=")
        elif one.name == "RUN" and flag.startswith("mount="):
            parts = flag.removeprefix("mount=").split(",")
            yield from (part.removeprefix("from=") for part in parts if part.startswith("from="))


def defaults(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """What an ARG gives its arguments, as long as nobody says otherwise."""
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    pairs = (word.partition("=") for word in words)
    return {name: filled(value, known) for name, equals, value in pairs if equals}


def filled(text: str, values: Mapping[str, str]) -> str:
    """With the values of arguments (Dockerfile reference, "Environment replacement"). What would be too long stays as it is: each
    argument may stand for several others, so that a few lines could come to more than any memory holds."""
    if len(text) > LONGEST_FILLED:
        return text

    def value(match: re.Match[str]) -> str:
        found = values.get(match["braced"] or match["bare"])
        if match["how"] == "-":
            return found or match["word"]
        if match["how"] == "+":
            return match["word"] if found else ""
        return match[0] if found is None else found

    whole = _VARIABLE.sub(value, text)
    return whole if len(whole) <= LONGEST_FILLED else text
