"""`check --explain` prints a document that means the same, and marks what the file doesn't say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spec.documents import EXAMPLE, TEMPLATE

from stoneware.model.document import Document
from stoneware.spec.explain import explain
from stoneware.spec.load import load, parse

MINIMAL = "deployments: { town: { groups: { web: { image: web, health: { tcp: { port: 80 } } } } } }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").touch()
    return tmp_path


@pytest.mark.parametrize("text", [TEMPLATE, (EXAMPLE / "stoneware.yaml").read_text(), MINIMAL])
def test_what_is_explained_means_the_same(text: str, folder: Path) -> None:
    document = parse(text, "f", folder).document
    assert parse(explain(document), "f", folder).document == document


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_survives_being_explained(text: str, folder: Path) -> None:
    test = {"console": {"contains": f"x{text}"}}
    document = Document.model_validate({"images": {"web": {"test": [test]}}})
    assert parse(explain(document), "f", folder).document == document


def test_defaults_are_marked_and_what_was_written_is_not(folder: Path) -> None:
    lines = {line.strip() for line in explain(parse(MINIMAL, "f", folder).document).splitlines()}
    assert {"port: 80", 'image: "web"', 'interval: "1s"  # default', "size: 1  # default"} <= lines
    assert {"rollout:  # default", 'bake_time: "10m"  # default', "auto_rollback: true  # default"} <= lines


def test_every_setting_of_the_example_is_shown() -> None:
    text = explain(load(EXAMPLE).document)
    assert [text.count(word) for word in ("worlds:", "Be kind to critters", "127.0.0.1:18080")] == [1, 1, 1]
