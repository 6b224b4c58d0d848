"""Codes and pages are complete: what src says is registered, what is registered is said, and each has a page that helps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stoneware
from stoneware.codes import CODES, PAGES, page_of

SOURCE = Path(stoneware.__file__).parent
MODULES = {path: ast.parse(path.read_text()) for path in SOURCE.rglob("*.py") if path != SOURCE / "codes.py"}


def said_in(tree: ast.Module) -> Iterator[tuple[int, str | None]]:
    """The line and the code of each place that gives one; None where it can't be read from the source."""
    constants = {
        target.id: one.value.value
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        given = [keyword.value for keyword in getattr(node, "keywords", ()) if keyword.arg == "code"]
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "coded":
            given += node.args
        if isinstance(node, ast.ClassDef):
            given += [one.value for one in node.body if isinstance(one, ast.Assign) and _names_code(one)]
        for value in given:
            for choice in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                if isinstance(choice, ast.Constant):
                    yield choice.lineno, choice.value
                elif isinstance(choice, ast.Name):
                    yield choice.lineno, constants.get(choice.id, "" if choice.id == "code" else None)
                else:  # handed on from an error, or decided by a function that says it with constants
                    yield choice.lineno, ""


def _names_code(one: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "code" for target in one.targets)


SAID = [(path, line, code) for path, tree in MODULES.items() for line, code in said_in(tree)]


def test_each_code_that_is_said_is_registered() -> None:
    unknown = [f"{path.relative_to(SOURCE)}:{line} {code}" for path, line, code in SAID if code and code not in CODES]
    unread = [f"{path.relative_to(SOURCE)}:{line}" for path, line, code in SAID if code is None]
    assert (unknown, unread) == ([], [])
    assert len([code for *_, code in SAID if code]) > 200


def test_each_registered_code_is_said() -> None:
    texts = {
        node.value
        for tree in MODULES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(CODES) <= texts


def test_there_is_a_page_for_each_code_and_for_nothing_else() -> None:
    assert {path.stem for path in PAGES.iterdir()} == set(CODES)
    assert len(CODES) <= 80


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_it_means_why_it_happens_and_what_to_do(code: str) -> None:
    heading, *lines = page_of(code).splitlines()
    assert heading == f"{code}: {CODES[code]}"
    assert 5 <= len(lines) <= 16
    assert any(line.startswith("Why: ") for line in lines)
    assert any(line.startswith("What to do: ") for line in lines)
