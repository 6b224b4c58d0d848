"""The JSON Schema: valid, with defaults as people write them, and of one mind with `check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.spec.documents import EXAMPLE, TEMPLATE, changed, said

from stoneware.spec.schema import json_schema
from stoneware.spec.yaml_lines import read_yaml

SCHEMA = json_schema()
BROKEN = Path(__file__).parents[1] / "golden" / "broken.yaml"


def refused(text: str) -> set[str]:
    """The paths that the schema refuses in a YAML text."""
    values = read_yaml(text, "f")[0]
    return {".".join(str(part) for part in error.path) for error in Draft202012Validator(SCHEMA).iter_errors(values)}


def test_it_is_a_valid_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"] == "stoneware.yaml"
    Draft202012Validator.check_schema(SCHEMA)


def test_every_default_is_what_one_may_write() -> None:
    for name, definition in SCHEMA["$defs"].items():
        for key, field in definition["properties"].items():
            if "default" in field:
                whole = {"$defs": SCHEMA["$defs"], **field}
                assert Draft202012Validator(whole).is_valid(field["default"]), f"{name}.{key}"


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(inner)


def test_no_object_lets_an_unknown_key_pass() -> None:
    assert all(one.get("additionalProperties") is False for one in objects(SCHEMA) if one.get("type") == "object")


@pytest.mark.parametrize("text", [TEMPLATE, *[file.read_text() for file in sorted(EXAMPLE.rglob("stoneware.yaml"))]])
def test_it_accepts_what_check_accepts(text: str) -> None:
    assert refused(text) == set()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("size: 2 ", "sise: 2 ", "deployments.hello.groups.web"),
        ("size: 2 ", "size: two ", "deployments.hello.groups.web.size"),
        ("size: 2 ", "size: 0 ", "deployments.hello.groups.web.size"),
        ("256MiB", "256MB", "deployments.hello.groups.web.machine.memory"),
        ("256MiB", "0MiB", "deployments.hello.groups.web.machine.memory"),
        ("drain: 10s", "drain: 10", "deployments.hello.groups.web.rollout.drain"),
        ("- /var/log/nginx", "- /var/../log", "images.hello.writable.0"),
        ("GREETING:", "'A B':", "deployments.hello.groups.web.config"),
        ("      web:", "      Web:", "deployments.hello.groups"),
        ("          http: { port: 80, path: /healthz }\n", "", "deployments.hello.groups.web.health"),
        ("- units: { failed: 0 }", "- within: 10s", "images.hello.test.1"),
        ('listen: "127.0.0.1:8080"', "listen: nowhere", "deployments.hello.services.hello.listen"),
        ("engine: qemu", "engine: kvm", "deployments.hello.engine"),
    ],
)
def test_it_refuses_what_check_refuses(old: str, new: str, place: str, tmp_path: Path) -> None:
    text = changed(old, new)
    assert place in refused(text)
    assert said(text, tmp_path)


def test_it_refuses_the_thoroughly_broken_file_in_many_places() -> None:
    assert len(refused(BROKEN.read_text())) > 30
