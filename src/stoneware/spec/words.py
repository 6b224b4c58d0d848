"""What is wrong and what would be right, in words, for each kind of error that the models can raise."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stoneware.model.document import Document
from stoneware.model.environment import FIXED
from stoneware.model.quantity import format_size, format_time, parse_size, parse_time
from stoneware.spec.yaml_lines import Path, shown

FORMS = {
    r"^[a-z][a-z0-9-]{0,39}$": "use lower-case letters, digits and dashes, beginning with a letter, at most 40",
    r"^[a-z][a-z0-9-]{0,39}(/[1-9][0-9]*)?$": "write a family such as web, or an image such as web/7",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "use letters, digits and _, not beginning with a digit",
    r"^[^\x00\r\n]*$": "write one line of text",
    r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|localhost|\*):[0-9]{1,5}$": 'write an address and port such as "127.0.0.1:8080"',
    r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$": "begin with /, and write what can't stand in an address as %20",
    r"^[^\x00]+$": "write at least one character, and none that is no character",
    r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$": "write the name of an image, such as python:3.12",
    r"^[A-Za-z][A-Za-z0-9_+/-]*$": "write a time zone such as Europe/Berlin or UTC",
    r"^https?://[A-Za-z0-9._~:/\[\]-]+$": "write a server's address such as http://127.0.0.1:9090",
}
"""What would fit the pattern of a text."""

MISSING = {
    "groups": "a deployment has at least one",
    "image": "write a family such as web, or an image such as web/7",
    "health": "write it like { http: { port: 80, path: /healthz } }",
    "group": "name a group of this deployment",
    "port": "write a port of the machines, such as 80",
    "listen": 'write an address and port such as "127.0.0.1:8080"',
    "size": "write it like 10GiB",
    "mount": "write it like /var/lib/app",
    "kind": "write a class of drift such as inside.port",
    "reason": "say why it is let pass",
    "until": "write a day such as 2027-01-31",
    "reads": "list the schemas of data that it can read, such as [1, 2]",
    "writes": "write the schema of the data that it leaves, such as 2",
    "command": "write its words, such as [systemctl, is-active, nginx]",
    "checks": "an analysis asks at least one thing, such as errors: { most: 1 }",
    "share": "write percent of what is new, such as 10",
    "duration": "write it like 5m",
    "url": "write a server's address such as http://127.0.0.1:9090",
    "query": "write an instant query that has one value",
    "after": "name the environment that its images come from",
}
"""What to write for each key that has no default."""

FIXED_KEYS = {key for keys in FIXED.values() for key in keys}
KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "model_type": "a group of keys",
    "dict_type": "a group of names",
    "tuple_type": "a list",
}
SPELT = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What older YAML took for true and false."""
MOST_COMPARED = 50_000
"""Characters of a name, times those of all that are known."""
MOST_LISTED = 50


def words(error: ErrorDetails, path: Path) -> tuple[str, str]:
    """What is wrong with the value at `path`, and what would be right."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden" and path[0] == "environments" and path[-1] in FIXED_KEYS:
        return f"{path[-1]} is the same in every environment", "say it in deployments"
    if kind == "extra_forbidden":
        return f"unknown key {shown(str(path[-1]))}", near(str(path[-1]), known_keys(path[:-1]), "known here")
    if kind == "missing":
        return "is missing", MISSING[str(path[-1])]
    if kind in KINDS:
        return _another_kind(kind, given, path)
    if kind == "value_error":
        wrong, _, right = str(context["error"]).partition(": ")
        return (wrong if isinstance(given, dict | list) else f"{shown(given)} is {wrong}"), right
    name = "the name " if error["loc"] != path else ""
    limits = {
        "string_pattern_mismatch": (f"{name}{shown(given)} has the wrong form", form(context.get("pattern"))),
        "literal_error": (f"{shown(given)} is not known", f"write {context.get('expected')}"),
        "greater_than_equal": (f"{shown(given)} is too small", f"write at least {_as_given(context.get('ge'), given)}"),
        "less_than_equal": (f"{shown(given)} is too large", f"write at most {_as_given(context.get('le'), given)}"),
        "string_too_long": (f"{shown(given)} is too long", f"write at most {context.get('max_length')} characters"),
        "string_too_short": ("is empty", "write at least one character"),
        "too_short": ("is empty", f"give it at least {context.get('min_length')}"),
    }
    return limits.get(kind, (f"{shown(given)}: {error['msg'][:1].lower()}{error['msg'][1:]}", ""))


def _as_given(limit: Any, given: Any) -> str:
    """A limit in the unit in which a person wrote what is beyond it: seconds are a time to them, bytes a size."""
    for reads, writes in ((parse_time, format_time), (parse_size, format_size)) if limit is not None else ():
        with contextlib.suppress(ValueError):
            reads(given)
            return writes(limit)
    return str(limit)


def form(pattern: Any) -> str:
    """What would fit a pattern, in words."""
    return FORMS.get(str(pattern), f"it must match {pattern}")


def _another_kind(kind: str, given: Any, path: Path) -> tuple[str, str]:
    right = ""
    if given is None:
        return "is empty", "give it a value, or leave the key out"
    if kind == "string_type" and isinstance(given, int | float):
        pattern = _pattern_at(path)
        quoted = f'write it in quotes: "{shown(given)}"'
        right = form(pattern) if pattern and not re.search(pattern, shown(given)) else quoted
    elif kind == "int_type" and isinstance(given, str) and given.isdecimal():
        right = "write it without quotes"
    elif kind == "bool_type" and str(given).lower() in SPELT:
        right = f"write {SPELT[str(given).lower()]}"
    elif kind == "model_type":
        right = f"known here: {', '.join(sorted(known_keys(path)))}"
    elif kind == "dict_type":
        right = "write a line `name: ...` for each"
    elif kind == "tuple_type":
        right = "write it as - items, or in [ ]"
    return f"{shown(given)} is not {KINDS[kind]}", right


def near(name: str, known: Sequence[str], heading: str) -> str:
    """The known name that was probably meant, or all of them, as far as a person reads."""
    name = name[:200]
    # comparing takes its time for each pair of characters, and that much only somebody makes up who wants it to
    worth_it = len(name) * sum(map(len, known)) <= MOST_COMPARED
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6) if worth_it else []
    listed = sorted(known)
    more = ", …" if len(listed) > MOST_LISTED else ""
    return f"did you mean {found[0]!r}?" if found else f"{heading}: {', '.join(listed[:MOST_LISTED]) or 'none'}{more}"


def known_keys(path: Path) -> list[str]:
    """The keys that a place of the document knows, found by walking the models."""
    model = _type_at(path)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _pattern_at(path: Path) -> str | None:
    """The pattern of the text that belongs at a place; None when any text will do."""
    around = _type_at(path[:-1])
    if isinstance(around, type) and issubclass(around, BaseModel):
        field = around.model_fields.get(str(path[-1]))
        marks = field.metadata if field else []
    else:
        marks = [mark for kind in getattr(around, "__args__", ())[-1:] for mark in getattr(kind, "__metadata__", ())]
    return next((str(mark.pattern) for mark in marks if getattr(mark, "pattern", None)), None)


def _type_at(path: Path) -> Any:
    """The type of what stands at a place of the document; None when nothing can."""
    found: Any = Document
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(str(part))
            found = _bare(field.annotation) if field else None
        else:
            # of dict[Name, X] and tuple[X, ...], the X
            kinds = [one for one in getattr(found, "__args__", ()) if one is not Ellipsis]
            found = _bare(kinds[-1]) if kinds else None
    return found


def _bare(annotation: Any) -> Any:
    """A type without `| None` and without annotations."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if type(None) in getattr(annotation, "__args__", ()):
        annotation = next(one for one in annotation.__args__ if one is not type(None))
    return annotation
