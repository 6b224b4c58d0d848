"""The life of an image in the store: timers, revocation and rules, each change with its entry and nothing half done."""

from __future__ import annotations

import pytest
from tests.store.things import add, boot_test, everything, publish, release, stage, verbs
from tests.support.simulation import manifest

from stoneware.clock import ManualClock
from stoneware.decide.lifecycle import effective_state
from stoneware.errors import Conflict, NotFound, Refused
from stoneware.model.deployment import KeepSpec
from stoneware.model.image import Image, ImageState, Manifest
from stoneware.model.lifecycle import Timer
from stoneware.store.database import writing
from stoneware.store.store import Store

ACTIVE, DEPRECATED, OBSOLETE = ImageState.ACTIVE, ImageState.DEPRECATED, ImageState.OBSOLETE
DAY = 86400.0


def made_from(base: str, version: int, family: str = "app") -> Manifest:
    """A manifest whose recipe starts from this."""
    plain = manifest(family, version)
    return plain.model_copy(update={"recipe": plain.recipe.model_copy(update={"base": base})})


def publish_from(store: Store, base: str, version: int, family: str = "app") -> Image:
    digest = store.catalog.stage(made_from(base, version, family), 1, "ann").digest
    return store.catalog.publish(digest, boot_test(digest), "ann")


def test_timers_leave_what_is_stored_and_the_family_follows_them(store: Store, clock: ManualClock) -> None:
    publish(store, version=1)
    publish(store, version=2)
    at = clock.now() + DAY
    image = store.catalog.schedule("web/2", {Timer.DEPRECATE: at}, "bob", "soon over")
    assert (image.state, image.deprecate_at, image.obsolete_at) == (ACTIVE, at, None)
    assert store.catalog.resolve("web").name == "web/2"
    clock.sleep(DAY)
    assert store.catalog.resolve("web").name == "web/1"
    assert store.catalog.get("web/2").state is ACTIVE
    fact = store.ledger.entries()[-1].fact
    assert (fact.verb, fact.subject, fact.actor, fact.reason) == ("image.schedule", "web/2", "bob", "soon over")
    assert fact.details["deprecate_at"] == "2023-11-15T22:13:20.000000Z"


def test_a_family_whose_timers_have_all_come_says_so(store: Store, clock: ManualClock) -> None:
    publish(store)
    store.catalog.schedule("web/1", {Timer.OBSOLETE: clock.now()}, "ann")
    with pytest.raises(NotFound, match="web/1 OBSOLETE: its time to be obsolete came at"):
        store.catalog.resolve("web")


def test_a_timer_is_set_once_moved_and_taken_away(store: Store) -> None:
    publish(store)
    for at in (10.0, 10.0, 20.0, None, None):
        store.catalog.schedule("web/1", {Timer.DELETE: at}, "ann")
    entries = [entry.fact.details["delete_at"] for entry in store.ledger.entries() if "delete_at" in entry.fact.details]
    assert entries == ["1970-01-01T00:00:10.000000Z", "1970-01-01T00:00:20.000000Z", "never"]
    assert store.catalog.get("web/1").delete_at is None


def test_only_what_is_published_has_timers(store: Store) -> None:
    digest = stage(store).digest
    before = everything(store)
    with pytest.raises(Conflict, match="STAGED"):
        store.catalog.schedule(digest, {Timer.DELETE: 1.0}, "ann")
    assert everything(store) == before


def test_an_image_is_published_with_its_timers_in_one_transaction(store: Store) -> None:
    digest = stage(store).digest
    image = store.catalog.publish(digest, boot_test(digest), "ann", timers={Timer.DEPRECATE: 5.0, Timer.DELETE: 9.0})
    assert (image.deprecate_at, image.obsolete_at, image.delete_at) == (5.0, None, 9.0)
    assert store.ledger.entries()[-1].fact.details["delete_at"] == "1970-01-01T00:00:09.000000Z"
    again = store.catalog.publish(digest, boot_test(digest), "ann", timers={Timer.DEPRECATE: 6.0})
    assert again == image


def test_an_image_that_is_baked_again_after_it_was_deleted_has_no_timers(store: Store) -> None:
    publish(store)
    store.catalog.schedule("web/1", {Timer.DELETE: 1.0}, "ann")
    store.catalog.delete("web/1", "ann")
    assert publish(store).delete_at is None


def test_restoring_takes_away_the_timers_that_have_come_and_only_those(store: Store, clock: ManualClock) -> None:
    publish(store)
    now = clock.now()
    store.catalog.schedule("web/1", {Timer.DEPRECATE: now - 2, Timer.OBSOLETE: now, Timer.DELETE: now + DAY}, "ann")
    image = store.catalog.set_state("web/1", ACTIVE, "bob", "still good")
    assert (image.deprecate_at, image.obsolete_at, image.delete_at) == (None, None, now + DAY)
    fact = store.ledger.entries()[-1].fact
    assert (fact.verb, fact.reason, fact.details["obsolete_at"]) == ("image.restore", "still good", "never")
    entries = len(verbs(store))
    store.catalog.set_state("web/1", ACTIVE, "bob")
    assert len(verbs(store)) == entries, "already so: no entry"


@pytest.mark.parametrize("state", [ACTIVE, DEPRECATED, OBSOLETE])
def test_a_decision_holds_against_timers_that_have_come(store: Store, clock: ManualClock, state: ImageState) -> None:
    publish(store)
    store.catalog.schedule("web/1", {Timer.OBSOLETE: clock.now() - 1}, "ann")
    assert effective_state(store.catalog.set_state("web/1", state, "ann"), clock.now()) is state


def test_revoking_takes_everything_that_was_made_from_it_along(store: Store) -> None:
    base = publish(store, "base")
    other = publish(store, "base", 2)
    by_name = publish_from(store, "base/1", 1)
    by_digest = publish_from(store, base.digest, 2)
    further = publish_from(store, by_name.name, 3, "shop")
    apart = publish_from(store, other.name, 4, "shop")
    revoked = store.catalog.revoke("base/1", "eve", "CVE-1")
    assert revoked[0].name == "base/1"
    assert {image.name for image in revoked} == {"base/1", by_name.name, by_digest.name, further.name}
    reasons = {image.name: image.revoked_reason for image in store.catalog.list()}
    assert reasons["base/1"] == "CVE-1"
    assert reasons[further.name] == "CVE-1 (made from base/1)"
    assert (reasons[apart.name], reasons[other.name]) == ("", "")
    facts = [entry.fact for entry in store.ledger.entries() if entry.fact.verb == "image.revoke"]
    assert {fact.subject for fact in facts} == {image.name for image in revoked}
    assert {fact.details["revoked"] for fact in facts} == {base.digest}
    assert store.ledger.verify() is None


def test_revoking_again_changes_nothing_but_finds_what_is_new(store: Store) -> None:
    publish(store, "base")
    child = publish_from(store, "base/1", 1)
    store.catalog.revoke("app/1", "eve", "first")
    store.catalog.revoke("base/1", "eve", "second")
    before = everything(store)
    assert {image.name for image in store.catalog.revoke("base/1", "eve", "third")} == {"base/1", child.name}
    assert everything(store) == before
    assert store.catalog.get("app/1").revoked_reason == "first"


def test_a_chain_through_a_deleted_image_still_holds(store: Store) -> None:
    publish(store, "base")
    publish_from(store, "base/1", 1)
    publish_from(store, "app/1", 2, "shop")
    store.catalog.delete("app/1", "ann")
    store.catalog.revoke("base/1", "eve", "CVE-1")
    assert store.catalog.get("shop/1").revoked_at is not None


def test_an_image_from_elsewhere_does_not_stand_on_ours_of_the_same_name(store: Store) -> None:
    ours = publish(store, "base")
    there = made_from("base/1", 1)
    recipe = there.recipe.model_copy(update={"base_digest": "sha256:" + "d" * 64})
    there = there.model_copy(update={"recipe": recipe})
    store.catalog.stage(there, 1, "ann")
    assert [image.name for image in store.catalog.revoke("base/1", "eve", "CVE-1")] == ["base/1"]
    other = there.model_copy(update={"epoch": 2})
    assert store.catalog.stage(other, 1, "ann").revoked_at is None, "nor is another one kept out"
    known = recipe.model_copy(update={"base": "elsewhere/7", "base_digest": ours.digest})
    with pytest.raises(Refused, match="it was made from base/1, which is revoked"):
        store.catalog.stage(there.model_copy(update={"recipe": known}), 1, "ann")


def test_a_family_skips_what_is_revoked(store: Store) -> None:
    publish(store, version=1)
    publish(store, version=2)
    store.catalog.revoke("web/2", "eve", "bad")
    assert store.catalog.resolve("web").name == "web/1"
    store.catalog.revoke("web/1", "eve", "worse")
    with pytest.raises(NotFound, match="web/1 OBSOLETE: revoked: worse, web/2 OBSOLETE: revoked: bad"):
        store.catalog.resolve("web")


@pytest.mark.parametrize("state", [ACTIVE, DEPRECATED])
def test_a_revoked_image_is_not_restored_by_the_way(store: Store, state: ImageState) -> None:
    publish(store)
    store.catalog.revoke("web/1", "eve", "bad")
    before = everything(store)
    with pytest.raises(Conflict, match="web/1 is revoked: bad"):
        store.catalog.set_state("web/1", state, "ann")
    assert everything(store) == before
    assert store.catalog.set_state("web/1", OBSOLETE, "ann").state is OBSOLETE


def test_a_revocation_is_taken_back_by_name_and_with_a_reason(store: Store, clock: ManualClock) -> None:
    publish(store, "base")
    publish_from(store, "base/1", 1)
    store.catalog.schedule("base/1", {Timer.OBSOLETE: clock.now()}, "ann")
    store.catalog.revoke("base/1", "eve", "bad")
    before = everything(store)
    with pytest.raises(Conflict, match="only with a reason"):
        store.catalog.reinstate("base/1", "ann", " ")
    assert everything(store) == before
    image = store.catalog.reinstate("base/1", "ann", "it was another one")
    assert (image.revoked_at, image.revoked_reason) == (None, "")
    assert effective_state(image, clock.now()) is ACTIVE
    fact = store.ledger.entries()[-1].fact
    assert (fact.verb, fact.reason, fact.details["was_revoked"]) == ("image.restore", "it was another one", "bad")
    assert store.catalog.get("app/1").revoked_at is not None, "what was made from it stays revoked"
    with pytest.raises(Conflict, match="isn't revoked"):
        store.catalog.reinstate("base/1", "ann", "again")


def test_what_is_revoked_is_neither_baked_again_nor_built_upon(store: Store) -> None:
    publish(store, "base")
    store.catalog.revoke("base/1", "eve", "bad")
    before = everything(store)
    with pytest.raises(Refused, match="these are the bytes of base/1, which is revoked: bad"):
        stage(store, "base")
    with pytest.raises(Refused, match="it was made from base/1, which is revoked: bad"):
        store.catalog.stage(made_from("base/1", 1), 1, "ann")
    assert everything(store) == before
    store.catalog.delete("base/1", "ann")
    with pytest.raises(Refused, match="revoked"):
        stage(store, "base")
    assert stage(store, "base", 2).state is ImageState.STAGED


def test_an_image_that_was_reinstated_is_good_though_what_it_was_made_from_is_not(store: Store) -> None:
    publish(store, "base")
    child = publish_from(store, "base/1", 1)
    store.catalog.revoke("base/1", "eve", "bad")
    store.catalog.reinstate("app/1", "ann", "it doesn't use that part")
    assert store.catalog.stage(made_from("base/1", 1), 1, "ann").digest == child.digest


def test_what_was_revoked_while_it_was_tested_is_not_published(store: Store) -> None:
    digest = stage(store).digest
    store.catalog.revoke(digest, "eve", "bad")
    before = everything(store)
    with pytest.raises(Conflict, match="revoked: bad"):
        store.catalog.publish(digest, boot_test(digest), "ann")
    assert everything(store) == before


def test_an_image_that_was_revoked_since_the_plan_is_not_pinned(store: Store) -> None:
    planned = release(publish(store))
    store.catalog.revoke("web/1", "eve", "bad")
    before = everything(store)
    with pytest.raises(Conflict, match="web/1 was revoked meanwhile: bad"):
        add(store, planned)
    assert everything(store) == before


def test_an_image_revoked_since_the_plan_of_a_rollback_stops_it(store: Store) -> None:
    planned = release(publish(store))
    add(store, planned)
    store.catalog.revoke("web/1", "eve", "bad")
    with pytest.raises(Conflict, match="web/1 was revoked meanwhile"), writing(store.db) as conn:
        store.releases.must_be_usable(planned, conn)


def test_the_latest_rule_of_a_family_counts(store: Store) -> None:
    ten, days = KeepSpec.model_validate({"newest": 10}), KeepSpec.model_validate({"newest": 3, "within": "90d"})
    for rule in (ten, ten, days, days):
        store.catalog.keep("web", rule, "ann", "nightly")
    assert store.catalog.rules() == {"web": days}
    store.catalog.keep("web", None, "ann")
    store.catalog.keep("db", None, "ann")
    assert store.catalog.rules() == {}
    facts = [entry.fact for entry in store.ledger.entries()]
    assert [(fact.verb, fact.subject, fact.details) for fact in facts] == [
        ("family.keep", "web", {"newest": "10"}),
        ("family.keep", "web", {"newest": "3", "within": "90d"}),
        ("family.keep", "web", {}),
    ]


def test_all_pins_are_known_at_once(store: Store) -> None:
    image = publish(store)
    add(store, release(image, 1), release(image, 2), release(publish(store, "db"), 1, "shop"))
    assert store.releases.pins() == {
        image.digest: ("town#1", "town#2"),
        store.catalog.get("db/1").digest: ("shop#1",),
    }
