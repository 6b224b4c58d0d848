"""Words for what is wrong: none is missing for anything that the models can ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stoneware.model.document import Document
from stoneware.model.drift_spec import Kind, Moment
from stoneware.model.quantity import AbsolutePath, Seconds, Size, Span
from stoneware.spec.words import FORMS, MISSING, known_keys, near

SCHEMA = Document.model_json_schema()
OWN_WORDS = [kind.__metadata__[-1].json_schema["pattern"] for kind in (AbsolutePath, Seconds, Size, Span, Moment, Kind)]  # type: ignore[attr-defined]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a JSON value."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(inner)


def test_every_pattern_of_the_models_has_words() -> None:
    patterns = {one["pattern"] for one in objects(SCHEMA) if isinstance(one.get("pattern"), str)}
    patterns |= {pattern for one in objects(SCHEMA) for pattern in one.get("patternProperties", {})}
    assert patterns - set(OWN_WORDS) == set(FORMS)


def test_every_key_without_a_default_has_words() -> None:
    assert {key for one in objects(SCHEMA) for key in one.get("required", []) if "type" in one} == set(MISSING)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ((), ["images", "deployments", "environments", "promotions", "build"]),
        (("images", "any", "test", 3, "http"), ["port", "path", "status", "body"]),
        (("deployments", "any", "groups", "any", "disks", "any"), ["size", "mount"]),
        (("deployments", "any", "groups", "any", "config"), []),
        (("nowhere", "at", "all"), []),
    ],
)
def test_known_keys_are_found_by_walking_the_models(path: tuple[str | int, ...], keys: list[str]) -> None:
    assert known_keys(path) == keys


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("wep", ["web", "api"], "did you mean 'web'?"),
        ("zzz", ["web", "api"], "known: api, web"),
        ("zzz", [], "known: none"),
        ("x" * 10**6, ["web"], "known: web"),
    ],
)
def test_the_nearest_name_or_all_of_them(name: str, known: list[str], text: str) -> None:
    assert near(name, known, "known") == text
