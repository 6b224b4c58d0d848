"""YAML with lines: everything is where the reader says it is, and what is no plain declaration is refused with its line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.errors import BadInput
from stoneware.spec.yaml_lines import LONGEST_SHOWN, Path, dotted, read_yaml, shown

keys = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
trees = st.recursive(
    st.integers(0, 99),
    lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=4),
)


def written(tree: Any, path: Path = (), depth: int = 0) -> list[tuple[Path, str]]:
    """A tree as YAML, a key or item a line, each line with the path of what it begins."""
    if not isinstance(tree, dict | list):
        return [(path, "  " * depth + str(tree))]
    lines: list[tuple[Path, str]] = []
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        here = (*path, key)
        head = "  " * depth + (f"{key}:" if isinstance(tree, dict) else "-")
        if isinstance(value, dict | list):
            lines += [(here, head), *written(value, here, depth + 1)]
        else:
            lines.append((here, f"{head} {value}"))
    return lines


@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
def test_values_and_lines_of_any_tree(tree: dict[str, Any]) -> None:
    text = written(tree)
    values, lines, problems = read_yaml("\n".join(line for _, line in text), "f")
    assert (values, problems) == (tree, [])
    for number, (path, line) in enumerate(text, start=1):
        if line.strip() != "-":  # an item's line is where its content begins
            assert lines[path] == number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0x10", 16),
        ("1.5", 1.5),
        ("true", True),
        ("yes", "yes"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("2001-01-01", "2001-01-01"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("{}", {}),
        ("[]", []),
    ],
)
def test_plain_values_of_yaml_1_2(text: str, value: Any) -> None:
    assert read_yaml(f"key: {text}", "f")[0] == {"key": value}


REFUSED = [
    ("a: 1\nb: 2\na: 3", 3, "a", "is given twice"),
    ("a: &x 1", 1, "a", "anchors and aliases"),
    ("a: 1\nb: {c: &x {}}", 2, "b.c", "anchors and aliases"),
    ("&x a: 1", 1, "a", "anchors and aliases"),
    ("a: &x [1]\nb: *x", 1, "a", "anchors and aliases"),
    ("a: !!python/object:os.system x", 1, "a", "the tag"),
    ("a: !!int '5'", 1, "a", "the tag"),
    ("a: !!int", 1, "a", "the tag"),
    ("a: !!bool maybe", 1, "a", "the tag"),
    ("a: !!set {b}", 1, "a", "the tag"),
    ("a: !other [1]", 1, "a", "the tag"),
    ("!other a: 1", 1, "a", "the tag"),
    ("\n? [a]\n: 1", 2, "", "a key must be a word"),
    ("a: " + "[" * 50 + "]" * 50, 1, "a" + "[0]" * 40, "is nested too deep"),
    ("a: " + "9" * 5000, 1, "a", "can't be read"),
    ('a: "\\ud800"', 1, "a", "can't be read"),
]


@pytest.mark.parametrize(("text", "line", "path", "wrong"), REFUSED)
def test_what_is_no_plain_declaration_is_a_problem_with_its_line(text: str, line: int, path: str, wrong: str) -> None:
    problems = read_yaml(text, "f")[2]
    assert (line, path) in [(one.line, one.path) for one in problems if wrong in one.wrong]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\n b: 2", 2), ("a: [1", 1), ("a: 'b", 1), ("a:\n\t- b", 2), ("a: \0", 1), ("a: 1\n---\nb: 2", 2), ("*x", 1)],
)
def test_what_is_no_yaml_is_one_problem(text: str, line: int) -> None:
    with pytest.raises(BadInput, match="is not YAML") as refused:
        read_yaml(text, "f")
    (problem,) = refused.value.problems
    assert abs(problem.line - line) <= 1
    assert problem.wrong


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "#" * (2**20 + 1)])
def test_what_is_too_deep_or_too_large_is_refused_quickly(text: str) -> None:
    with pytest.raises(BadInput):
        read_yaml(text, "f")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a", "b", 0, "c"), "a.b[0].c"),
        (("a b", "c"), "'a b'.c"),
        (("", "x.y"), "''.'x.y'"),
        (("\x1b[2J",), r"'\x1b[2J'"),
        (("a\nb",), r"'a\nb'"),
        (("ä/b-c_d",), "ä/b-c_d"),
        (("x" * 500,), "'" + "x" * LONGEST_SHOWN + "…'"),
    ],
)
def test_a_path_is_one_harmless_line(path: Path, text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        ("a\n", r"'a\n'"),
        ([1], "a list"),
        ({}, "a group of keys"),
    ],
)
def test_values_are_shown_as_people_write_them(value: Any, text: str) -> None:
    assert shown(value) == text
