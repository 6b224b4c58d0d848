"""What of a faulty document can still be looked at as a whole: so that wrong names are said together with wrong values."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from stoneware.model.deployment import Document

MOST_ROUNDS = 20


def what_stands(values: dict[str, Any]) -> tuple[Document, set[str]]:
    """The document without what is wrong in it, and the names of everything that was left out."""
    rest, dropped = copy.deepcopy(values), set[str]()
    for _ in range(MOST_ROUNDS):
        try:
            return Document.model_validate(rest), dropped
        except ValidationError as invalid:
            for error in invalid.errors():
                path = [part for part in error["loc"] if part != "[key]"]
                # where something is missing, the thing around it goes
                dropped |= _drop(rest, path[:-1] if error["type"] == "missing" else path)
    return Document(), dropped


def _drop(rest: Any, path: list[Any]) -> set[str]:
    for part in path[:-1]:
        try:
            rest = rest[part]
        except (KeyError, IndexError, TypeError):
            return set()
    if not path:
        if isinstance(rest, dict):
            rest.clear()
        return set()
    if isinstance(rest, dict):
        rest.pop(path[-1], None)
    elif isinstance(rest, list) and isinstance(path[-1], int) and path[-1] < len(rest):
        rest[path[-1]] = {"units": {}}  # a list keeps its positions
    return {str(path[-1])}
