"""Whatever text comes in, out comes a document or BadInput with its problems: never a traceback, never silence."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spec.documents import EXAMPLE, TEMPLATE

from stoneware.errors import BadInput
from stoneware.model.document import Document
from stoneware.spec.load import Loaded, parse

SEEDS = [TEMPLATE, (EXAMPLE / "stoneware.yaml").read_text()]
GOOD_SEEDS = [text.splitlines() for text in SEEDS]
TOKENS = """!!int !!bool !!float !!set !!null !!binary !!timestamp !!omap !x &a *a <<: ? - | > ... --- %YAML { } [ ] : , # @ `
' " null ~ true .inf .nan 1e999 0x 0o8 [key] 2001-99-99 0b2 1_0 = "\\ud800" "\\0" "\\e[2J" !!python/object:os.system""".split()
TOKENS += "\t|\0|\x85|\u2028|\ufeff|\n|\r|\u0663|!!int |%YAML 1.1\n---\n".split("|")
TOKENS += ["9" * 5000, "9" * 400 + "d", "x" * 300]

positions = st.integers(0, 2000)
edits = st.lists(
    st.tuples(positions, st.integers(0, 12), st.sampled_from(TOKENS) | st.text(max_size=3) | st.just("")),
    min_size=1,
    max_size=6,
)


def edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    """A text with parts of it replaced: (where, how many characters, by what)."""
    for at, length, new in changes:
        start = at % (len(text) + 1)
        text = text[:start] + new + text[start + length :]
    return text


def check(text: str) -> Loaded | None:
    """What `check` makes of a text: a document, or problems that can be shown."""
    try:
        loaded = parse(text, "stoneware.yaml", EXAMPLE)
    except BadInput as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.line >= 1
            assert problem.wrong
            assert str(problem).encode().decode().isprintable()
        return None
    assert isinstance(loaded.document, Document)
    return loaded


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), edits)
def test_a_good_file_with_random_edits(seed: str, changes: list[tuple[int, int, str]]) -> None:
    check(edited(seed, changes))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GOOD_SEEDS), st.lists(st.tuples(positions, positions), min_size=1, max_size=5))
def test_a_good_file_with_lines_moved_doubled_and_dropped(seed: list[str], moves: list[tuple[int, int]]) -> None:
    lines = list(seed)
    for source, target in moves:
        line = lines.pop(source % len(lines)) if source % 3 else lines[source % len(lines)]
        lines.insert(target % (len(lines) + 1), line)
    check("\n".join(lines))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from([*TOKENS, "a", " ", "\n", "\n  "]), max_size=20).map("".join))
def test_any_text_at_all(text: str) -> None:
    check(text)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["web", "80", "/a", "1s"])
)
known = st.sampled_from(
    "images deployments web town groups services health http tcp port disks size mount test machine config image".split()
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=5), inner, max_size=4)
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["images", "deployments", "[key]"]), st.dictionaries(known, trees, max_size=3), max_size=2
    )
)
def test_any_tree_of_the_right_keys_in_the_wrong_places(tree: dict[str, object]) -> None:
    check(json.dumps(tree))


def test_problems_of_a_hostile_file_can_be_printed(tmp_path: Path) -> None:
    assert check('"\\e]0;owned\\a": 1\n"\\u202e": 2') is None
