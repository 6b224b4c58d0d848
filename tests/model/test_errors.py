"""Errors say what is wrong, where, and what to do."""

from __future__ import annotations

import pytest

from stoneware.errors import BadInput, Problem, StonewareError, ToolFailed


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f.yaml", 3, "a.b", "is missing", "write it"), "f.yaml:3 a.b: is missing, write it"),
        (Problem("f.yaml", 3, "a.b", "is missing"), "f.yaml:3 a.b: is missing"),
        (Problem("f.yaml", 1, "", "is empty"), "f.yaml:1: is empty"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_the_next_step_follows_in_brackets() -> None:
    assert str(StonewareError("it broke", "mend it")) == "it broke (mend it)"
    assert str(BadInput("it broke")) == "it broke"


@pytest.mark.parametrize(
    ("status", "tail", "message"),
    [
        (1, "first\nlast\n", "tool ended with status 1: last"),
        (None, "first\n", "tool timed out: first"),
        (-9, "", "tool ended with status -9: no output"),
    ],
)
def test_a_failed_tool_says_its_last_words(status: int | None, tail: str, message: str) -> None:
    assert ToolFailed(["tool", "--word"], status, tail).message == message
