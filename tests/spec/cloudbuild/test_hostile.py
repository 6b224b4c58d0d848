"""Build files that were made up to keep the reader busy: they are read or refused with little work, whatever is in them."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from ruamel.yaml.nodes import MappingNode
from tests.support.cloudbuild import USUAL

from stoneware.errors import BadInput, Problem
from stoneware.spec import words, yaml_lines
from stoneware.spec.cloudbuild import expand, read_cloudbuild
from stoneware.spec.cloudbuild.file import Complaints
from stoneware.spec.yaml_lines import MOST_PROBLEMS, MOST_VALUES, read_yaml


def refused(text: str) -> BadInput:
    with pytest.raises(BadInput) as no:
        expand(read_cloudbuild(text, "b.yaml"), USUAL, {}, build_id="b-1", trigger="t")
    return no.value


def many(line: Callable[[int], str], number: int) -> str:
    return "".join(map(line, range(number)))


@pytest.mark.parametrize(
    "text",
    [
        "steps: [" + "a," * MOST_VALUES + "]",
        "steps:\n" + "- name: a\n" * MOST_VALUES,
        "a: &a [x]\nsteps: [" + "*a," * MOST_VALUES + "]",
        many(lambda at: f"k{at}:\n", MOST_VALUES),
    ],
    ids=["items", "groups", "aliases", "keys"],
)
def test_what_holds_too_many_values_isn_t_read_to_its_end(text: str) -> None:
    assert "there are more than 50000 values" in str(refused(text).problems[0])
    for aliases in (False, True):
        with pytest.raises(BadInput, match="is not YAML"):
            read_yaml(text, "f", aliases=aliases)


@pytest.mark.parametrize(
    "text",
    [
        many(lambda at: f"k{at}: a\n", 1000),
        "steps:\n" + many(lambda at: f"- {{name: a, key{at}: b}}\n", 200),
        "steps: [{name: a, args: [" + "1," * 1000 + "]}]",
        "steps:\n" + "- {}\n" * 300,
        "steps: [{name: a}]\nsubstitutions:\n" + many(lambda at: f"  a{at}: b\n", 150),
        "steps: [{name: a, args: [" + '"\\ud800",' * 1000 + "]}]",
    ],
)
def test_nobody_reads_on_after_many_problems(text: str) -> None:
    no = refused(text)
    assert len(no.problems) == MOST_PROBLEMS
    assert str(no) == "b.yaml has more than 100 problems (mend these first: the file was not read on)"


def test_as_many_problems_as_are_said_are_all_there_are() -> None:
    no = refused("steps: [{name: a}]\n" + many(lambda at: f"k{at}: a\n", MOST_PROBLEMS))
    assert (len(no.problems), str(no)) == (MOST_PROBLEMS, "b.yaml has 100 problems")


def test_whether_a_place_was_complained_of_goes_through_no_list() -> None:
    say = Complaints("b.yaml", {(): (1, "")})
    for path in (("steps", 1, "env", 0), ("a.b", "c")):
        say.wrong(path, "is wrong")
    say.problems.clear()  # what is asked is not among them
    assert [say.touches(one) for one in ((), ("steps",), ("steps", 1), ("steps", 1, "env", 0))] == [
        False,
        True,
        True,
        True,
    ]
    assert [say.touches(one) for one in (("steps", 0), ("steps", 1, "en"), ("step",))] == [False] * 3
    assert say.touches(("a.b",))


def test_a_problem_is_noted_once() -> None:
    say = Complaints("b.yaml", {(): (1, "")})
    for _ in range(2 * MOST_PROBLEMS):
        say.add(Problem("b.yaml", 1, "a", "is wrong"))
    assert len(say.problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {" + many(lambda at: f"k{at}: 1,", 10_000) + "}\nb: {<<: [" + "*a," * 5000 + "]}",
        "a0: &a0 {k: 1}\n" + many(lambda at: f"a{at + 1}: &a{at + 1} {{<<: *a{at}, k{at}: 1}}\n", 8000),
        "a: &a {" + many(lambda at: f"k{at}: 1,", 10_000) + "}\nb:\n" + "  <<: *a\n" * 5000,
        "a: &a {" + many(lambda at: f"k{at}: 1,", 10_000) + "}\n" + many(lambda at: f"b{at}: {{<<: *a}}\n", 5000),
    ],
    ids=["a list", "a chain", "many times", "in many"],
)
def test_merges_look_at_few_keys(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    pairs = yaml_lines._Aliased._pairs

    def counted(self: Any, node: MappingNode, path: Any) -> Any:
        nonlocal looked
        found = pairs(self, node, path)
        looked += len(node.value) + len(found)
        return found

    monkeypatch.setattr(yaml_lines._Aliased, "_pairs", counted)
    problems = read_yaml(text, "f", aliases=True)[2]
    assert "is more than can be read" in str(problems)
    assert looked < 5 * MOST_VALUES


def test_what_was_probably_meant_is_looked_for_where_it_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    found = difflib.get_close_matches

    def counted(word: str, known: list[str], **more: Any) -> list[str]:
        nonlocal compared
        compared += len(word) * sum(map(len, known))
        return found(word, known, **more)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    ids = [f"{'ab' * 45}{at}" for at in range(300)]
    assert words.near("ba" * 45, ids, "known").endswith(", …")
    steps = many(lambda at: f"- {{name: a, id: {ids[at]}}}\n", 300)
    wanted = many(lambda at: f"{'ba' * 45}{at},", 1000)
    no = refused(f"steps:\n{steps}- {{name: a, waitFor: [{wanted}]}}\n")
    assert len(no.problems) == MOST_PROBLEMS
    assert compared <= MOST_PROBLEMS * words.MOST_COMPARED
    assert sum(len(str(one)) for one in no.problems) < 1_000_000


def test_brackets_that_nothing_closes_are_counted_as_work() -> None:
    values = many(lambda at: f"  _A{at}: '${{_B/{'[' * 3900}}}'\n", 3)
    text = "steps: [{name: a}]\nsubstitutions:\n  _B: x\n" + values
    assert [one.path for one in refused(text).problems] == [f"substitutions._A{at}" for at in range(3)]


@pytest.mark.parametrize("text", ["[" * 1000 + "]" * 1000, "{a: " * 1000 + "}" * 1000, "- " * 1000 + "a", "? " * 1000])
def test_what_is_nested_far_too_deep_is_said_with_its_line(text: str) -> None:
    with pytest.raises(BadInput) as no:
        read_yaml(f"\n\n{text}", "f", aliases=True)
    assert "depth" in str(no.value.problems[0])
    assert no.value.problems[0].line == 3


def test_an_anchor_may_be_given_anew_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, _, problems = read_yaml("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "f", aliases=True)
    assert (values, problems) == ({"a": 1, "b": 1, "c": 2, "d": 2}, [])
