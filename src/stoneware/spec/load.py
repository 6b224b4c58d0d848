"""`stoneware.yaml` to a checked document. Everything that is wrong is said at once, each with its line and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stoneware.errors import BadInput, Problem
from stoneware.model.deployment import Document
from stoneware.spec.references import reference_problems
from stoneware.spec.salvage import what_stands
from stoneware.spec.yaml_lines import Path as KeyPath
from stoneware.spec.yaml_lines import dotted, read_yaml

FILE = "stoneware.yaml"


@dataclass(frozen=True)
class Loaded:
    """A checked document, and where it came from. Paths inside it are relative to `folder`."""

    document: Document
    folder: Path
    file: str
    text: str


def load(path: Path) -> Loaded:
    """Reads a file, or the `stoneware.yaml` of a folder. Raises BadInput with every problem."""
    file = path / FILE if path.is_dir() else path
    try:
        text = file.read_text()
    except FileNotFoundError:
        raise BadInput(
            f"there is no {file}", next_step="`stoneware init` writes one, or name yours with --file"
        ) from None
    except (OSError, UnicodeDecodeError) as broken:
        raise BadInput(f"{file} can't be read: {broken}") from broken
    return parse(text, file.name, file.parent.absolute())


def parse(text: str, file: str, folder: Path) -> Loaded:
    """Checks a text. `folder` is where the paths in it lead. Raises BadInput with every problem, sorted by line."""
    values, lines, problems = read_yaml(text, file)
    document = None
    if not isinstance(values, dict):
        problems.append(Problem(file, 1, "", "is empty", "declare `images:` and `deployments:`; see `stoneware init`"))
    else:
        try:
            document = Document.model_validate(values)
        except ValidationError as invalid:
            problems += [_problem(error, file, lines) for error in invalid.errors()]
        sound, dropped = (document, set[str]()) if document else what_stands(values)
        for path, wrong, right in reference_problems(sound, folder):
            doubtful = document is None and (path not in lines or any(repr(name) in wrong for name in dropped))
            if not doubtful:
                problems.append(Problem(file, line_of(path, lines), dotted(path), wrong, right))
    if problems or document is None:
        count = len(problems)
        ordered = sorted(problems, key=lambda problem: (problem.line, problem.path))
        raise BadInput(f"{file} has {count} problem{'s' if count != 1 else ''}", ordered)
    return Loaded(document, folder, file, text)


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a path, or of the nearest thing around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _problem(error: ErrorDetails, file: str, lines: Mapping[KeyPath, int]) -> Problem:
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    wrong, right = _words(kind, given, context, error["msg"])
    if kind == "extra_forbidden":
        key = str(path[-1])
        near = difflib.get_close_matches(key, _known_keys(path[:-1]), n=1, cutoff=0.5)
        wrong = f"unknown key {key!r}"
        right = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(_known_keys(path[:-1])))}"
    return Problem(file, line_of(path, lines), dotted(path), wrong, right)


def _words(kind: str, given: Any, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    """What is wrong and what would be right, for each kind of error that the models can raise."""
    shown = repr(given) if isinstance(given, str | int | float | bool) or given is None else type(given).__name__
    if kind == "missing":
        return "is missing", "it has no default"
    if kind == "value_error":
        said = str(context.get("error", message))
        wrong, _, right = said.partition(": ")
        return (f"{shown} is {wrong}", right) if right else (said, "")
    if kind == "string_pattern_mismatch":
        return f"{shown} has the wrong form", _form(str(context.get("pattern", "")))
    if kind == "string_type":
        return f"{shown} is not a text", f'write it in quotes: "{given}"' if isinstance(given, int | float) else ""
    simple = {
        "int_type": "a whole number",
        "bool_type": "true or false",
        "model_type": "keys with values",
        "dict_type": "names with values",
        "tuple_type": "a list",
    }
    if kind in simple:
        return f"{shown} is not {simple[kind]}", ""
    if kind == "literal_error":
        return f"{shown} is not known", f"one of {context.get('expected')}"
    return f"{shown}: {message[:1].lower()}{message[1:]}", ""


FORMS = {
    r"^[a-z][a-z0-9-]{0,39}$": "lower-case letters, digits and dashes, beginning with a letter, at most 40",
    r"^[a-z][a-z0-9-]{0,39}(/[1-9][0-9]*)?$": "a family such as web, or an image such as web/7",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a variable's name: letters, digits and _",
    r"^[^\x00\r\n]*$": "one line of text",
    r"^(\d{1,3}(\.\d{1,3}){3}|localhost|\*):\d{1,5}$": 'an address and port such as "127.0.0.1:8080"',
    r"^/\S*$": "a path that begins with /",
}


def _form(pattern: str) -> str:
    return FORMS.get(pattern, f"it must match {pattern}")


def _known_keys(path: KeyPath) -> list[str]:
    """The keys that a place of the document knows, found by walking the models."""
    model: Any = Document
    for part in path:
        model = _inside(model, part)
        if model is None:
            return []
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _inside(model: Any, part: str | int) -> Any:
    """The type of what stands at one key or index below a type."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(part))
        return _bare(field.annotation) if field else None
    arguments = getattr(model, "__args__", ())
    return (
        _bare(arguments[-1] if len(arguments) > 1 and arguments[-1] is not Ellipsis else arguments[0])
        if arguments
        else None
    )


def _bare(annotation: Any) -> Any:
    """A type without `| None` and without annotations."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if type(None) in getattr(annotation, "__args__", ()):
        annotation = next(one for one in annotation.__args__ if one is not type(None))
    return annotation
