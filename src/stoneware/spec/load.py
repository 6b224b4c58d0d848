"""`stoneware.yaml` to a checked document. Everything that is wrong is said at once, each with its line and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stoneware.errors import BadInput, Problem
from stoneware.model.document import Document
from stoneware.spec.environment_problems import Found
from stoneware.spec.references import reference_problems
from stoneware.spec.salvage import errors_of, place_of, what_stands
from stoneware.spec.words import words
from stoneware.spec.yaml_lines import MOST_PROBLEMS, dotted, read_yaml, shown, too_many
from stoneware.spec.yaml_lines import Path as KeyPath

FILE = "stoneware.yaml"
CODES = {"extra_forbidden": "key-unknown"}
"""What has a code of its own, of the kinds of error that the models can raise."""
FITS_NOT = "reference-invalid"
INVALID = "declaration-invalid"


@dataclass(frozen=True)
class Loaded:
    """A checked document, and where it came from. Paths inside it are relative to `folder`."""

    document: Document
    folder: Path
    file: str
    text: str


def load(path: Path) -> Loaded:
    """Reads a file, or the `stoneware.yaml` of a folder. Raises BadInput with every problem."""
    try:
        file = path / FILE if path.is_dir() else path
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as missing:
        hint = "`stoneware init` writes one, or name yours with --file"
        raise BadInput(f"there is no {missing.filename}", next_step=hint, code="declaration-missing") from None
    except UnicodeDecodeError as broken:
        raise BadInput(
            f"{path} can't be read: it is not UTF-8 text ({broken.reason})", code="declaration-unreadable"
        ) from broken
    except OSError as broken:
        raise BadInput(f"{path} can't be read: {broken.strerror}", code="declaration-unreadable") from broken
    return parse(text, file.name, file.parent.absolute())


def parse(text: str, file: str, folder: Path) -> Loaded:
    """Checks a text. `folder` is where the paths in it lead. Raises BadInput with every problem, sorted by line."""
    values, lines, problems = read_yaml(text, file)
    document = None
    if isinstance(values, dict):
        document, found = _check(values, folder, lines, {problem.path for problem in problems})
        problems += [
            Problem(file, line_of(path, lines), dotted(path), wrong, right, code)
            for code, (path, wrong, right) in found
        ]
    elif not problems:
        wrong = "is empty" if values is None else f"holds {shown(values)}, not keys with values"
        problems.append(Problem(file, 1, "", wrong, "declare `images:` and `deployments:`; see `stoneware init`"))
    if len(problems) > MOST_PROBLEMS:
        raise too_many(file, problems[:MOST_PROBLEMS], INVALID)
    if problems or document is None:
        count = len(problems)
        ordered = sorted(problems, key=lambda problem: (problem.line, problem.path))
        raise BadInput(f"{file} has {count} problem{'s' if count != 1 else ''}", ordered, code=INVALID)
    return Loaded(document, folder, file, text)


def _check(
    values: dict[str, Any], folder: Path, lines: Mapping[KeyPath, int], told: set[str]
) -> tuple[Document | None, list[tuple[str, Found]]]:
    """The document when its keys and values are right, and what is wrong, each with its code.

    `told` are the places that were complained of.
    """
    try:
        document = Document.model_validate(values)
    except ValidationError as invalid:
        found: list[tuple[str, Found]] = []
        errors = errors_of(invalid)
        for error in errors[: MOST_PROBLEMS + 1]:
            path = place_of(error)
            if error["input"] is not None or dotted(path) not in told:  # what can't be read came out as nothing
                found.append((CODES.get(error["type"], "value-invalid"), (path, *words(error, path))))
        if len(errors) > MOST_PROBLEMS:
            return None, found
        rest = what_stands(values)
        for error in rest.hidden:
            path = place_of(error)
            found.append(("value-invalid", (path, *words(error, path))))
        more = islice(reference_problems(rest.document, folder), MOST_PROBLEMS + 1)
        wrong = [one for one in more if not _is_doubtful(one, rest.dropped, lines)]
        return None, [*found, *((FITS_NOT, one) for one in wrong)]
    return document, [(FITS_NOT, one) for one in islice(reference_problems(document, folder), MOST_PROBLEMS + 1)]


def _is_doubtful(found: Found, dropped: set[KeyPath], lines: Mapping[KeyPath, int]) -> bool:
    """Whether something is wrong perhaps only because of what was left out."""
    path, wrong, _ = found
    return any(
        path[: len(left_out)] == left_out
        or (path not in lines and path[:-1] == left_out[:-1])  # a default, perhaps instead of a misspelt key
        or (isinstance(left_out[-1], str) and repr(left_out[-1]) in wrong)
        for left_out in dropped
        if left_out
    )


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a path, or of the nearest thing around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
