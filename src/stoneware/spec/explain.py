"""A document with every default in it, each marked: what `stoneware check --explain` prints."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from stoneware.model.document import Document


def explain(document: Document) -> str:
    """YAML that means the same, with `# default` behind what the file doesn't say."""
    return "\n".join(_lines(document, 0)) + "\n"


def _lines(noun: BaseModel, depth: int) -> list[str]:
    out = []
    plain = noun.model_dump(mode="json", exclude_none=True)
    for key in type(noun).model_fields:
        value, mark = getattr(noun, key), "" if key in noun.model_fields_set else "  # default"
        if value is not None:
            out += _entry(key, value, plain[key], depth, mark)
    return out


def _entry(key: str, value: Any, plain: Any, depth: int, mark: str) -> list[str]:
    pad = "  " * depth
    if isinstance(value, BaseModel):
        inner = _lines(value, depth + 1)
        return [f"{pad}{key}:{mark}", *inner] if inner else [f"{pad}{key}: {{}}{mark}"]
    if isinstance(value, dict) and value:
        inner = [line for name, one in value.items() for line in _entry(name, one, plain[name], depth + 1, "")]
        return [f"{pad}{key}:{mark}", *inner]
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        items = []
        for one in value:
            first, *rest = _lines(one, depth + 2)
            items += [f"{pad}  - {first.lstrip()}", *rest]
        return [f"{pad}{key}:{mark}", *items]
    return [f"{pad}{key}: {_scalar(plain)}{mark}"]


def _scalar(value: Any) -> str:
    if isinstance(value, list | dict):
        return "[" + ", ".join(_scalar(one) for one in value) + "]" if isinstance(value, list) else "{}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(_character(one) for one in value) + '"'
    return str(value)


def _character(one: str) -> str:
    """A character as it stands between double quotes (YAML 1.2.2, 5.7)."""
    if one in '"\\':
        return f"\\{one}"
    return one if one.isprintable() else f"\\U{ord(one):08x}"
