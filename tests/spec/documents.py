"""Short ways to a document and to what is said of it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from stoneware.errors import BadInput
from stoneware.spec.load import parse

TEMPLATE = files("stoneware.spec.template").joinpath("stoneware.yaml").read_text(encoding="utf-8")
EXAMPLE = Path(__file__).parents[2] / "examples" / "critter-junction"


def said(text: str, folder: Path) -> list[str]:
    """What is wrong with a text, a line each, without the file's name. Nothing when all is well."""
    try:
        parse(text, "f", folder)
    except BadInput as refused:
        assert refused.problems
        return [str(problem).removeprefix("f:") for problem in refused.problems]
    return []


def changed(old: str, new: str, text: str = TEMPLATE) -> str:
    """The template with one thing changed."""
    if text.count(old) != 1:
        pytest.fail(f"{old!r} is not once in the text")
    return text.replace(old, new)
