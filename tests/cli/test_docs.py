"""`stoneware docs` answers for every code and for every class of drift, without a daemon."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import Stoneware

from stoneware.codes import CODES
from stoneware.model.drift_classes import CLASSES
from stoneware.model.drift_pages import REMEDIES, REMEDY


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_of_drift_is_answered(stoneware: Stoneware, kind: str) -> None:
    found, known = stoneware("docs", kind), CLASSES[kind]
    assert (found.code, found.err) == (0, "")
    heading, _, facts, _, does, _, remedy = found.out.splitlines()
    assert heading == f"{kind}: {known.means}"
    assert f"Severity {known.severity}: " in facts
    assert does.startswith("By default: Stoneware ") and remedy.startswith("What to do: ")
    assert json.loads(stoneware("docs", kind, "--json").out)["means"] == known.means


def test_what_a_person_has_to_end_has_a_remedy_of_its_own() -> None:
    assert set(REMEDY) >= {kind for kind, known in CLASSES.items() if known.about not in REMEDIES}


def test_a_page_says_what_is_done_by_default_and_what_can_be_declared(stoneware: Stoneware) -> None:
    shown = stoneware("docs", "inside.port").out
    assert "Stoneware reports it, and changes nothing. `drift.policy` can say quarantine or replace instead." in shown
    assert "It counts when 2 looks in a row show it." in shown
    assert "puts it right by itself" in stoneware("docs", "route.changed").out
    assert "It can't be let pass." in stoneware("docs", "release.changed").out


def test_all_are_listed_and_what_is_near_is_named(stoneware: Stoneware) -> None:
    assert set(json.loads(stoneware("docs", "--json").out)) == {*CODES, *CLASSES}
    assert "disk-full: there is no space left" in stoneware("docs", "disk-full").out
    found = stoneware("docs", "inside.ports")
    assert found.code == 2 and "perhaps inside.port" in found.err
