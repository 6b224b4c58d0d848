"""Expressions in the values of substitutions: whatever Bash itself makes of them, we make of them."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.spec.cloudbuild.bash import evaluate
from stoneware.spec.cloudbuild.bash_operations import OPERATIONS, BadExpression
from stoneware.spec.cloudbuild.globs import Work

VALUES = {"A": "feature/My-Branch", "_B": "v1.2.3", "_E": "", "_G": "aXbX*c", "_S": "two words"}


def ours(text: str) -> str:
    return evaluate(text, lambda key, _: VALUES.get(key), Work())


def bashs(texts: list[str]) -> list[str]:
    """What Bash makes of each, outside of quotes but without splitting words."""
    script = "shopt -u patsub_replacement 2>/dev/null\n" + "\n".join(
        f"x={text}; printf '%s\\0' \"$x\"" for text in texts
    )
    ran = subprocess.run(
        ["bash", "-c", script], env={**VALUES, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("\0")[:-1]


KNOWN = [
    "${_NONE/#*/a}",
    "${_NONE/%/a}",
    "${_E/*/a}",
    "${_E//?/a}",
    "${_E/#/a}",
    "${_B/#/a}",
    "${_B/%/a}",
    '${A^""}',
    "${A^$_E}",
    "${A^^$_E''}",
]
words = st.lists(
    st.sampled_from(
        [
            "a",
            "B",
            "-",
            ".",
            "X",
            "1",
            "*",
            "?",
            "[a-f]",
            "[!a-f]",
            "[[:upper:]]",
            "\\/",
            "\\*",
            "'*'",
            '"b"',
            "''",
            "${_B}",
            "${_E:-x}",
            "${A#*y}",
            "",
        ]
    ),
    max_size=4,
).map("".join)
keys = st.sampled_from([*VALUES, "_NONE"])
numbers = st.integers(-20, 20).map(lambda number: f" {number}" if number < 0 else str(number))
worded = st.builds(
    lambda key, operator, word: f"${{{key}{operator}{word}}}",
    keys,
    st.sampled_from([one for one in OPERATIONS if one[0] in "#%^," or one in (":-", "-", ":+", "+")]),
    words,
)
replacing = st.builds(
    lambda key, operator, old, new: f"${{{key}{operator}{old}/{new}}}",
    keys,
    st.sampled_from(["/", "//", "/#", "/%"]),
    words.filter(lambda word: word and word[0] not in "#%/"),
    words,
)
parts = st.builds(lambda key, start: f"${{{key}:{start}}}", keys, numbers) | st.builds(
    lambda key, start, length: f"${{{key}:{start}:{length}}}", keys, numbers, st.integers(0, 9)
)
plain = keys.map(lambda key: f"${key}") | keys.map(lambda key: f"${{{key}}}") | keys.map(lambda key: f"${{#{key}}}")
expressions = st.lists(worded | replacing | parts | plain, min_size=1, max_size=2).map(".".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(expressions, min_size=20, max_size=20))
def test_bash_says_the_same(texts: list[str]) -> None:
    texts += KNOWN
    assert [(text, ours(text)) for text in texts] == list(zip(texts, bashs(texts), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $ and $1 and $(x)", "plain $ and $1 and $(x)"),
        ("$$A $${A} $$$_B", "$A ${A} $v1.2.3"),
        ("'$A' \"x\" \\y", "'feature/My-Branch' \"x\" \\y"),
        ("${_E:-}${_E:=1}${_NONE=2}", "12"),
        ("${_B?}${_B:?x}", "v1.2.3v1.2.3"),
        ("${_B: -1}${_B:(-1)}${_B::2}", "33v1"),
        ("${_B:1:-2}", "1.2"),
        ("${A/[/x}${A//}", "feature/My-Branch" * 2),
        ("${_NONE:-${_NONE:-${_NONE:-}}}", ""),
    ],
)
def test_what_bash_would_not_be_asked(text: str, expected: str) -> None:
    assert ours(text) == expected


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${A", "${A:-", "${a}", "${A!}", "${A:-'}", "${@}", "${A@U}", "${!A}", "${A[0]}", "${A/${b}/}"],
)
def test_what_is_no_expression_is_said(text: str) -> None:
    with pytest.raises(BadExpression):
        ours(text)


@pytest.mark.parametrize(
    "text", ["${A" + ":-${A" * 5000, "${_L//" + "*x" * 400 + "y/z}", "${_L%%" + "*x" * 400 + "}", "${_L}" * 100_000]
)
def test_nothing_takes_forever(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(BadExpression):
        evaluate(text, lambda key, _: "x" * 4000 if key == "_L" else None, Work())
    assert time.monotonic() - began < 5
