"""Which releases are forgotten, and which images go: nothing that is needed, and nothing before its time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.images import DAY, NOW, image, images, machine
from tests.decide.releases import group, release, spec

from stoneware.decide.lifecycle import newest_active
from stoneware.decide.reach import Facts, reachable
from stoneware.decide.retention import plan_prune, releases_to_forget, term
from stoneware.model.deployment import KeepSpec

DECLARED = spec({"web": group()})


@given(st.sets(st.integers(1, 30), min_size=1), st.integers(1, 10), st.data())
def test_what_is_forgotten_is_old_and_not_needed(numbers: set[int], keep: int, data: st.DataObject) -> None:
    current = data.draw(st.sampled_from(sorted(numbers)))
    previous = data.draw(st.sampled_from([None, *sorted(numbers)]))
    forgotten = releases_to_forget([release(n, DECLARED) for n in numbers], current, previous, keep)
    kept = numbers - set(forgotten)
    assert forgotten == sorted(forgotten)
    assert {current, previous} - {None} <= kept
    assert set(sorted(numbers)[-keep:]) <= kept
    assert len(kept) <= keep + 2


DAYS_90 = {"within": "90d"}


@pytest.mark.parametrize(
    ("rule", "number", "age_days", "over", "why"),
    [
        (None, 1, 9999, False, "neither a timer nor a rule"),
        ({"newest": 2}, 3, 9999, False, "one of the newest 2"),
        ({"newest": 2}, 2, 0, True, "beyond the newest 2"),
        (DAYS_90, 1, 90, False, "isn't older than 90d"),
        (DAYS_90, 4, 91, True, "older than 90d"),
        ({"newest": 2, **DAYS_90}, 1, 91, True, "beyond the newest 2 and older than 90d"),
        ({"newest": 2, **DAYS_90}, 1, 89, False, "isn't older than 90d"),
        ({"newest": 2, **DAYS_90}, 3, 91, False, "one of the newest 2"),
    ],
)
def test_an_image_is_over_only_beyond_every_limit(
    rule: dict[str, Any] | None, number: int, age_days: float, over: bool, why: str
) -> None:
    one = image(number, created_at=NOW - age_days * DAY)
    family = [image(n) for n in (1, 2, 3, 4) if n != number] + [one, image(None)]
    said = term(one, family, KeepSpec.model_validate(rule) if rule else None, NOW)
    assert said.over is over
    assert why in said.why


def test_a_timer_ends_an_image_whatever_the_rule_says() -> None:
    keep = KeepSpec.model_validate({"newest": 5})
    assert term(image(delete_at=NOW), [image()], keep, NOW).over
    assert not term(image(delete_at=NOW + 1), [image()], keep, NOW).over


def test_what_was_staged_and_left_goes() -> None:
    plan = plan_prune(Facts(now=NOW, images=[image(None)]), {})
    assert [(one.image, one.why) for one in plan.deletes] == [(image(None).name, "staged, but never published")]


def test_what_is_over_and_still_needed_stays_with_its_reasons() -> None:
    old, new = image(1), image(2)
    facts = Facts(now=NOW, images=[old, new], pins={old.digest: ["town#1"]})
    plan = plan_prune(facts, {"web": KeepSpec.model_validate({"newest": 1})})
    assert plan.deletes == ()
    assert [(one.image, one.over, [reason.by for reason in one.reasons]) for one in plan.keeps] == [
        ("web/1", True, ["town#1"]),
        ("web/2", False, ["web"]),
    ]


def a_world(data: st.DataObject) -> tuple[Facts, dict[str, KeepSpec]]:
    """Some images of two families, what has them, and perhaps a rule for each."""
    known = [
        data.draw(images(number, family)).model_copy(update={"digest": f"sha256:{family}/{number}/{position}"})
        for family in ("web", "db")
        for position, number in enumerate(data.draw(st.lists(st.sampled_from([None, 1, 2, 3, 4, 5]), unique=True)))
    ]
    some = st.sets(st.sampled_from([one.digest for one in known])) if known else st.just(set())
    facts = Facts(
        now=NOW,
        images=known,
        machines=[machine(digest=digest) for digest in data.draw(some)],
        pins={digest: ["town#1"] for digest in data.draw(some)},
        mentions={digest: ["rollout-2"] for digest in data.draw(some)},
        bakes=data.draw(st.sampled_from([{}, {"web": "bake-3"}])),
    )
    rule = st.builds(KeepSpec, newest=st.integers(1, 5), within=st.none() | st.sampled_from(["1d", "50d"]))
    return facts, data.draw(st.dictionaries(st.sampled_from(["web", "db"]), rule))


@given(st.data())
def test_a_prune_never_touches_what_is_reachable(data: st.DataObject) -> None:
    facts, rules = a_world(data)
    plan = plan_prune(facts, rules)
    gone = {one.digest for one in plan.deletes}
    held = {m.digest for m in facts.machines} | set(facts.pins) | set(facts.mentions)
    newest = [newest_active([one for one in facts.images if one.family == name], NOW) for name in ("web", "db")]
    assert not gone & (held | {one.digest for one in newest if one})
    assert not gone & reachable(facts)
    assert gone | {one.digest for one in plan.keeps} == {one.digest for one in facts.images}


@given(st.data())
def test_every_published_image_that_goes_was_beyond_its_familys_limits_or_due(data: st.DataObject) -> None:
    facts, rules = a_world(data)
    known = {one.digest: one for one in facts.images}
    for gone in (known[one.digest] for one in plan_prune(facts, rules).deletes):
        due = gone.delete_at is not None and gone.delete_at <= NOW
        if gone.number is None or due:
            continue
        rule = rules[gone.family]
        numbers = sorted((one.number for one in facts.images if one.family == gone.family and one.number), reverse=True)
        assert rule.newest is None or gone.number not in numbers[: rule.newest]
        assert rule.within is None or NOW - gone.created_at > rule.within
