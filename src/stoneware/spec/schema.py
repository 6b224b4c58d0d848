"""The JSON Schema of `stoneware.yaml`, for editors: made from the models that check it, so that both say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stoneware.model.document import Document
from stoneware.model.noun import Noun


def json_schema() -> dict[str, Any]:
    """A schema of draft 2020-12; unknown keys and badly formed names are errors in it too."""
    schema = Document.model_json_schema(mode="validation")
    for node in _objects(schema):
        if "patternProperties" in node:
            node["additionalProperties"] = False  # the names that fit the pattern are all that may be there
    models = {model.__name__: model for model in _kinds_of(Noun)}
    for name, definition in schema["$defs"].items():
        written = models[name].model_construct().model_dump(mode="json", exclude_none=True)
        for key, field in definition["properties"].items():
            if field.pop("default", None) is not None:
                field["default"] = written[key]  # as people write it: 10m, not 600.0
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "stoneware.yaml"}


def _kinds_of(noun: type[Noun]) -> Iterator[type[Noun]]:
    for kind in noun.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(inner)
