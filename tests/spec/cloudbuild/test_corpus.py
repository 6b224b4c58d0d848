"""Every build file of the corpus is handled as it says itself, and together they show every field."""

from __future__ import annotations

import json
import re

import pytest
from ruamel.yaml import YAML
from tests.support.cloudbuild import CORPUS, Case, cases

from stoneware.spec.cloudbuild.fields import FIELDS, Fate
from stoneware.spec.cloudbuild.read import camel, snake

ALL = cases()
GOOD = [case for case in ALL if case.good]
BAD = [case for case in ALL if not case.good]


def test_there_are_enough_of_them_and_each_expects_something() -> None:
    assert len(GOOD) >= 40
    assert len(BAD) >= 40
    assert [case.name for case in GOOD if not case.says("expect")] == []
    assert [case.name for case in BAD if not case.says("problem")] == []
    assert [case.name for case in GOOD if case.says("problem")] == []


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_it_is_handled_as_it_says(case: Case) -> None:
    assert case.complaints() == []


def test_every_field_is_in_a_file_that_goes_its_way() -> None:
    seen = {good: " ".join(case.text for case in ALL if case.good is good) for good in (True, False)}
    for group, fields in FIELDS.items():
        for name, field in fields.items():
            text = seen[field.fate in (Fate.READ, Fate.WARNED)]
            if field.fate is Fate.WARNED or field.fate is Fate.READ or field.fate is Fate.REFUSED:
                spelt = rf"\b({name}|{snake(name)})\b"
                assert re.search(spelt, text) or len(LIKE.get(field.says, ())) > 1, f"{group}.{name}"


LIKE: dict[str, list[str]] = {}
for _fields in FIELDS.values():
    for _name, _field in _fields.items():
        if _field.says:
            LIKE.setdefault(_field.says, []).append(_name)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
@pytest.mark.parametrize("spelling", [camel, snake])
def test_json_and_yaml_and_both_spellings_mean_the_same(case: Case, spelling: object) -> None:
    def spelt(value: object, free: bool = False) -> object:
        if isinstance(value, dict):
            return {(k if free else spelling(k)): spelt(v, k == "substitutions") for k, v in value.items()}  # type: ignore[operator]
        return [spelt(one) for one in value] if isinstance(value, list) else value

    values = YAML(typ="safe", pure=True).load(case.text.removeprefix("\ufeff"))
    for indent in (None, "\t"):
        other = case.expanded(json.dumps(spelt(values), indent=indent))
        assert other.model_dump(exclude={"warnings"}) == case.expanded().model_dump(exclude={"warnings"})


def test_the_corpus_holds_nothing_else() -> None:
    assert {path.parent.name for path in CORPUS.glob("*/*")} == {"good", "bad"}
    assert all(path.with_name(path.name.removesuffix(".expect")).exists() for path in CORPUS.glob("*/*.expect"))
