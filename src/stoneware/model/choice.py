"""Nouns of which exactly one key is given, and how their JSON Schema says so."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from stoneware.model.noun import Noun


def one_of(*keys: str) -> ConfigDict:
    """The JSON Schema of "exactly one of these is given"."""
    return ConfigDict(json_schema_extra={"oneOf": [given(key) for key in keys]})


def any_of(*keys: str) -> ConfigDict:
    """The JSON Schema of "at least one of these is given"."""
    return ConfigDict(json_schema_extra={"anyOf": [given(key) for key in keys]})


def given(key: str) -> dict[str, Any]:
    """The JSON Schema of "this key is there, and isn't null"."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def require_one(noun: Noun, *keys: str) -> None:
    """Raises ValueError unless exactly one of the keys is given."""
    has = [key for key in keys if getattr(noun, key) is not None]
    if len(has) != 1:
        wrong = f"has {' and '.join(has)}" if has else "asks nothing"
        raise ValueError(f"{wrong}: give exactly one of {', '.join(keys)}")
