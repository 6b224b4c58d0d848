"""Releases: their numbers, which one is current, the way back, and what is forgotten."""

from __future__ import annotations

import pytest
from tests.store.things import add, begin, claim, commit, everything, make_current, publish, release

from stoneware.decide.ageing import renewed
from stoneware.errors import Conflict, NotFound
from stoneware.model.image import Image
from stoneware.model.operation import Result
from stoneware.model.release import ReleaseState
from stoneware.store.database import writing
from stoneware.store.store import Store


@pytest.fixture
def image(store: Store) -> Image:
    return publish(store)


def number_of_good(store: Store) -> int | None:
    good = store.releases.previous_good("town")
    return good.number if good else None


def test_a_release_comes_back_as_it_went_in(store: Store, image: Image) -> None:
    first = release(image)
    add(store, first)
    assert store.releases.get("town", 1) == first
    assert store.releases.list("town") == [first]
    assert store.releases.pinned(image.digest) == ["town#1"]


def test_numbers_count_up_for_each_deployment_and_go_on_after_its_end(store: Store, image: Image) -> None:
    assert store.releases.next_number("town") == 1
    add(store, release(image, 1), release(image, 2), release(image, 1, "village"))
    assert (store.releases.next_number("town"), store.releases.next_number("village")) == (3, 2)
    with writing(store.db) as conn:
        store.releases.remove(conn, "town")
    assert store.releases.list("town") == []
    assert store.releases.current("town") is None
    assert store.releases.next_number("town") == 3


@pytest.mark.parametrize("number", [1, 3])
def test_of_two_that_planned_at_once_one_must_plan_again(store: Store, image: Image, number: int) -> None:
    add(store, release(image, 1))
    before = everything(store)
    with pytest.raises(Conflict, match=f"release {number} of town"):
        add(store, release(image, number))
    assert everything(store) == before


def test_an_image_that_was_deleted_since_the_plan_is_not_pinned(store: Store, image: Image) -> None:
    planned = release(image)
    store.catalog.delete("web/1", "ann")
    before = everything(store)
    with pytest.raises(Conflict, match="web/1 was deleted meanwhile"):
        add(store, planned)
    assert everything(store) == before


def test_the_way_back_follows_what_was_current_not_the_numbers(store: Store, image: Image) -> None:
    assert number_of_good(store) is None
    add(store, *(release(image, number) for number in (1, 2, 3)))
    seen = []
    for number in (1, 2, 1, 3):
        make_current(store, number)
        current = store.releases.current("town")
        seen.append((current.number if current else None, number_of_good(store)))
    assert seen == [(1, None), (2, 1), (1, 2), (3, 1)]


def test_nothing_leads_back_to_a_release_that_went_bad_or_was_never_current(store: Store, image: Image) -> None:
    add(store, *(release(image, number) for number in (1, 2, 3)))
    with writing(store.db) as conn:
        store.releases.mark(conn, "town", 3, ReleaseState.GOOD)
    make_current(store, 1)
    assert number_of_good(store) is None
    make_current(store, 2, ReleaseState.BAD)
    make_current(store, 1)
    assert number_of_good(store) is None


def test_a_mark_changes_the_state_and_nothing_else(store: Store, image: Image) -> None:
    add(store, release(image))
    make_current(store, 1)
    assert store.releases.get("town", 1) == release(image).model_copy(update={"state": ReleaseState.GOOD})


def test_forgetting_a_release_sets_its_image_free(store: Store, image: Image) -> None:
    newer = publish(store, version=2)
    add(store, release(image, 1), release(newer, 2))
    make_current(store, 2)
    with writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)
    assert [one.number for one in store.releases.list("town")] == [2]
    store.catalog.delete("web/1", "ann")
    with pytest.raises(NotFound, match="town has no release 1"):
        store.releases.get("town", 1)


def test_the_current_release_is_never_forgotten(store: Store, image: Image) -> None:
    add(store, release(image))
    make_current(store, 1)
    with pytest.raises(Conflict, match="it is current"), writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)
    assert store.releases.get("town", 1).number == 1


def test_nothing_is_forgotten_while_something_is_under_way(store: Store, image: Image) -> None:
    add(store, release(image, 1), release(image, 2))
    make_current(store, 2)
    under_way = begin(store)
    with pytest.raises(Conflict, match=f"{under_way.id} is under way"), writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)
    commit(store, claim(store), result=Result.SUCCEEDED)
    with writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)


def test_deployments_are_listed_also_before_their_first_success(store: Store, image: Image) -> None:
    add(store, release(image, 1, "village"), release(image, 1, "town"))
    make_current(store, 1)
    assert [(one.name, one.current) for one in store.releases.deployments()] == [("town", 1), ("village", None)]


def test_a_release_that_was_only_made_anew_is_no_way_back(store: Store, image: Image) -> None:
    first, second = release(image, 1), release(image, 2)
    again = renewed(second, ("web",), 3, 0.0, "stoneware")
    add(store, first, second, again)
    for number in (1, 2, 3):
        make_current(store, number)
    assert number_of_good(store) == 1


def test_what_was_read_once_is_kept_and_its_state_is_not(store: Store, image: Image) -> None:
    add(store, release(image, 1), release(image, 2))
    assert [one.number for one in store.releases.currents()] == []
    make_current(store, 1)
    [kept] = store.releases.currents()
    assert kept.state is ReleaseState.GOOD
    make_current(store, 1, ReleaseState.BAD)
    assert store.releases.get("town", 1).state is ReleaseState.BAD
    assert store.releases.get("town", 1).spec is kept.spec
    assert [one.number for one in store.releases.some([("town", 2), ("town", 7), ("other", 1)])] == [2]
    make_current(store, 2)
    with writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)
    with pytest.raises(NotFound):
        store.releases.get("town", 1)
