"""What reaches an image: each kind of thing, in words, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.decide.images import NOW, image, machine

from stoneware.decide.reach import Facts, reachable, why_kept
from stoneware.model.image import ImageState
from stoneware.model.machine import Power

OLD, NEW, STAGED = image(1), image(2), image(None)
ALL = [OLD, NEW, STAGED]


@pytest.mark.parametrize(
    ("facts", "texts"),
    [
        ({}, []),
        ({"machines": [machine()]}, ["machine town-web-r1-0 runs it"]),
        ({"machines": [machine(Power.STOPPED)]}, ["machine town-web-r1-0 is stopped, and keeps it"]),
        ({"machines": [machine(digest=NEW.digest)]}, []),
        ({"pins": {OLD.digest: ["town#1", "town#3"]}}, [f"release town#{n} is retained, and pins it" for n in (1, 3)]),
        ({"pins": {NEW.digest: ["town#1"]}}, []),
        ({"mentions": {OLD.digest: ["rollout-4"]}}, ["rollout-4 is under way, and needs it"]),
        ({"bakes": {"web": "bake-5"}}, []),
        ({"images": [OLD]}, ["family web resolves to it"]),
        (
            {"images": [OLD, NEW.model_copy(update={"deprecate_at": NOW})]},
            ["family web resolves to it"],
        ),
        ({"images": [OLD.model_copy(update={"state": ImageState.OBSOLETE})]}, []),
    ],
)
def test_each_reason_is_a_sentence(facts: dict[str, Any], texts: list[str]) -> None:
    assert [reason.text for reason in why_kept(OLD, Facts(**{"now": NOW, "images": ALL, **facts}))] == texts


def test_a_bake_under_way_reaches_what_its_family_has_staged() -> None:
    facts = Facts(now=NOW, images=ALL, bakes={"web": "bake-5"}, mentions={STAGED.digest: ["bake-5"]})
    assert [reason.by for reason in why_kept(STAGED, facts)] == ["bake-5"]
    assert why_kept(STAGED, Facts(now=NOW, images=ALL, bakes={"db": "bake-5"})) == ()


def test_all_that_is_reachable() -> None:
    assert reachable(Facts(now=NOW, images=ALL, machines=[machine()])) == {OLD.digest, NEW.digest}
