"""What of a faulty document can still be looked at as a whole: so that wrong names are said together with wrong values."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stoneware.model.document import Document
from stoneware.spec.yaml_lines import Path

MOST_ROUNDS = 20
STAND_INS: dict[str, Any] = {
    "image": "missing",
    "health": {"tcp": {"port": 1}},
    "group": "missing",
    "port": 1,
    "listen": "localhost:1",
    "size": "1GiB",
}
"""What stands for something that is missing, so that the thing around it can still be looked at."""


@dataclass
class Salvage:
    """`document` is the one without what is wrong in it; `dropped` are the paths of everything that was left out or stood in for.

    `hidden`: what is wrong with things as a whole, which only showed when what is wrong inside them was out of the way.
    """

    document: Document = field(default_factory=Document)
    dropped: set[Path] = field(default_factory=set)
    hidden: list[ErrorDetails] = field(default_factory=list)


def what_stands(values: dict[str, Any]) -> Salvage:
    """What can still be looked at as a whole."""
    rest, found, unknown = copy.deepcopy(values), Salvage(), set[Path]()
    for number in range(MOST_ROUNDS):
        try:
            found.document = Document.model_validate(rest)
            return found
        except ValidationError as invalid:
            errors = errors_of(invalid)
            if number:
                found.hidden += [error for error in errors if _is_its_own(error, found.dropped, unknown)]
            # backwards, so that what is taken out of a list moves nothing that is still to be taken out
            for error in reversed(errors):
                path = place_of(error)
                if error["type"] == "missing" and path[-1] not in STAND_INS:
                    path = path[:-1]  # where something is missing, the thing around it goes
                if error["type"] == "extra_forbidden":
                    unknown.add(path)
                found.dropped.add(path)
                _drop(rest, path, stand_in=error["type"] == "missing")
    return found


def errors_of(invalid: ValidationError) -> list[ErrorDetails]:
    """All that is wrong. A list of which every element is wrong isn't empty besides."""
    return [
        error
        for error in invalid.errors()
        if error["type"] != "too_short" or len(error["input"]) < error["ctx"]["min_length"]
    ]


def _is_its_own(error: ErrorDetails, dropped: set[Path], unknown: set[Path]) -> bool:
    """Whether a thing is wrong as a whole, and not perhaps because of what was left out of it: it speaks of nothing that was,
    and no unknown key may have been meant for what it speaks of. A list that lost something counts its things otherwise."""
    path = place_of(error)
    inside = [left_out for left_out in dropped if left_out[: len(path)] == path]
    moved = any(
        isinstance(left_out[-1], int) and path[: len(left_out) - 1] == left_out[:-1] for left_out in dropped if left_out
    )
    spoken_of = set(re.findall(r"\w+", error["msg"]))
    return (
        error["type"] == "value_error"
        and not moved
        and not any(left_out == path or left_out in unknown or left_out[-1] in spoken_of for left_out in inside)
    )


def place_of(error: ErrorDetails) -> Path:
    """The path of what is wrong. A wrong key has the same path as its value."""
    path = error["loc"]
    return path[:-1] if path[-1:] == ("[key]",) and error["type"] != "extra_forbidden" else path


def _drop(rest: Any, path: Path, stand_in: bool) -> None:
    for part in path[:-1]:
        try:
            rest = rest[part]
        except (KeyError, IndexError, TypeError):
            return
    if not path:
        rest.clear()
    elif isinstance(rest, dict):
        rest.pop(path[-1], None)
        if stand_in and path[-1] in STAND_INS:
            rest[path[-1]] = copy.deepcopy(STAND_INS[str(path[-1])])
    elif isinstance(rest, list) and isinstance(path[-1], int) and path[-1] < len(rest):
        del rest[path[-1]]
