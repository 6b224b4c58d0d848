"""Google's own description of the format against ours: nothing of it is unknown here, and nothing here is unknown there."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from stoneware.model.build import BuildStatus
from stoneware.spec.cloudbuild.fields import FIELDS, Fate
from stoneware.spec.cloudbuild.kinds import LISTS

DOCUMENT: dict[str, Any] = json.loads(
    (files("googleapiclient") / "discovery_cache" / "documents" / "cloudbuild.v1.json").read_text()
)
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["schemas"]
KINDS = {
    "text": {"type": "string"},
    "time": {"type": "string", "format": "google-duration"},
    "yes or no": {"type": "boolean"},
    "code": {"type": "integer"},
}


@pytest.mark.parametrize("group", FIELDS)
def test_every_field_is_decided_on(group: str) -> None:
    assert set(FIELDS[group]) == set(SCHEMAS[group]["properties"])


@pytest.mark.parametrize("group", FIELDS)
def test_what_google_writes_is_not_read_from_a_file(group: str) -> None:
    theirs = {name for name, one in SCHEMAS[group]["properties"].items() if one.get("readOnly")}
    assert {name for name, one in FIELDS[group].items() if one.fate is Fate.WRITTEN} == theirs


def kind_of(schema: dict[str, Any]) -> str:
    """The kind that our table should name for a field of theirs."""
    if "$ref" in schema:
        return str(schema["$ref"])
    if schema["type"] == "array":
        item = kind_of(schema["items"])
        return next((name for name, one in LISTS.items() if one == item), f"[{item}]")
    if schema["type"] == "object":
        return f"{kind_of(schema['additionalProperties'])}s by name"
    if "enum" in schema:
        return " | ".join(schema["enum"])
    fits = [
        name
        for name, one in KINDS.items()
        if all(schema.get(key) == value for key, value in {"format": None, **one}.items())
    ]
    return fits[0] if fits else "code" if schema["type"] == "integer" else f"no kind for {schema}"


@pytest.mark.parametrize("group", FIELDS)
def test_what_is_read_is_read_as_what_it_is(group: str) -> None:
    for name, field in FIELDS[group].items():
        if field.fate is Fate.READ:
            assert field.kind == kind_of(SCHEMAS[group]["properties"][name]), f"{group}.{name}"


def test_every_group_that_is_read_is_in_the_table_and_no_other() -> None:
    kinds = {field.kind.strip("[]") for fields in FIELDS.values() for field in fields.values()}
    assert (kinds & set(SCHEMAS)) | {"Build"} == set(FIELDS)


def test_what_is_not_read_says_what_to_do() -> None:
    for fields in FIELDS.values():
        for name, field in fields.items():
            assert bool(field.says) == (field.fate is not Fate.READ), name
            assert bool(field.kind) == (field.fate is Fate.READ), name


def test_the_statuses_are_theirs() -> None:
    for group in ("Build", "BuildStep"):
        theirs = set(SCHEMAS[group]["properties"]["status"]["enum"]) - {"STATUS_UNKNOWN"}
        assert {one.value for one in BuildStatus} == theirs
