"""What of a faulty document can still be looked at as a whole: so that wrong names are said together with wrong values."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stoneware.model.deployment import Document
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


def what_stands(values: dict[str, Any]) -> tuple[Document, set[Path]]:
    """The document without what is wrong in it, and the paths of everything that was left out or stood in for."""
    rest, dropped = copy.deepcopy(values), set[Path]()
    for _ in range(MOST_ROUNDS):
        try:
            return Document.model_validate(rest), dropped
        except ValidationError as invalid:
            # backwards, so that what is taken out of a list moves nothing that is still to be taken out
            for error in reversed(invalid.errors()):
                path = place_of(error)
                if error["type"] == "missing" and path[-1] not in STAND_INS:
                    path = path[:-1]  # where something is missing, the thing around it goes
                dropped.add(path)
                _drop(rest, path, stand_in=error["type"] == "missing")
    return Document(), dropped


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
