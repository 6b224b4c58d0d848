"""Whatever text comes in, out comes a build or BadInput with its problems: never a traceback, never silence."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.cloudbuild import USUAL, cases

from stoneware.errors import BadInput
from stoneware.model.build import BuildSpec
from stoneware.spec.cloudbuild import expand, read_cloudbuild
from stoneware.spec.cloudbuild.fields import FIELDS

SEEDS = [case.text for case in cases()]
TOKENS = """!!int !!set &a *a <<: ? - | > --- %YAML { } [ ] : , # @ ` ' " null ~ true .nan 1e999 2001-99-99
$ $$ ${ } $_A ${_A ${_A:-
${_A//*/ $BUILD_ID ${BUILD_ID:0:- \\ /* ## %% ^^ .. / gs:// file:// - steps: name: stoneware/bake "\\ud800" "\\0" """.split()
TOKENS += [
    *"\t|\0|\x85|\u2028|\ufeff|\n|\r|\n  |\n- |\u0663".split("|"),
    "9" * 5000,
    "x" * 1001,
    "[" * 200,
    "{a: " * 60,
]
KEYS = [*(name for fields in FIELDS.values() for name in fields), "_A", "_B", "BUILD_ID", "", "<<"]
quick = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def check(text: str) -> None:
    """What becomes of a text: a build that can be expanded both ways, or problems that can be shown."""
    try:
        build = read_cloudbuild(text, "cloudbuild.yaml")
        for triggered in (False, True):
            spec = expand(build, USUAL, {}, build_id="b-1", trigger="web" if triggered else "")
            assert BuildSpec.model_validate_json(spec.model_dump_json()) == spec
            assert all(0 <= need < at for at, step in enumerate(spec.steps) for need in step.waits_for)
            assert len({step.id for step in spec.steps}) == len(spec.steps)
    except BadInput as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.line >= 1
            assert problem.wrong
            assert str(problem).encode().decode().isprintable()


@quick
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 3000), st.integers(0, 12), st.sampled_from(TOKENS) | st.text(max_size=3) | st.just("")
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_a_file_of_the_corpus_with_random_edits(seed: str, changes: list[tuple[int, int, str]]) -> None:
    for at, length, new in changes:
        start = at % (len(seed) + 1)
        seed = seed[:start] + new + seed[start + length :]
    check(seed)


@quick
@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS), st.data())
def test_lines_of_two_files_mixed(one: str, two: str, data: st.DataObject) -> None:
    lines = one.splitlines() + two.splitlines()
    check("\n".join(data.draw(st.lists(st.sampled_from(lines or [""]), max_size=25))))


@quick
@given(st.text(max_size=200) | st.lists(st.sampled_from(TOKENS + KEYS), max_size=25).map("".join))
def test_any_text_at_all(text: str) -> None:
    check(text)


texts = st.sampled_from(TOKENS + KEYS) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=5),
    max_leaves=25,
)
steps = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "stoneware/bake", "$_A"])},
        optional={name: trees for name in FIELDS["BuildStep"] if name != "name"},
    ),
    max_size=4,
)
builds = st.fixed_dictionaries(
    {"steps": steps | trees}, optional={name: trees for name in FIELDS["Build"] if name != "steps"}
)


@quick
@given(trees | builds)
def test_any_tree_at_all(tree: object) -> None:
    check(json.dumps(tree))


@quick
@given(
    st.dictionaries(
        st.sampled_from(["_A", "_B", "_C"]),
        st.lists(st.sampled_from([*TOKENS, "_A", "_B", "x", "}"]), max_size=12).map("".join),
    )
)
def test_any_expression_at_all(substitutions: dict[str, str]) -> None:
    build = {
        "steps": [{"name": "a", "args": ["$_A", "${_B}"]}],
        "substitutions": substitutions,
        "options": {"dynamicSubstitutions": True},
    }
    check(json.dumps(build))
