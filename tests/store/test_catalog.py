"""The catalog: what may become of an image, in which order, and what the ledger says about it."""

from __future__ import annotations

import pytest
from tests.store.things import add, boot_test, everything, publish, release, stage, verbs

from stoneware.errors import BadInput, Conflict, NotFound
from stoneware.model.image import Image, ImageState
from stoneware.store.store import Store

ACTIVE, DEPRECATED, OBSOLETE, DELETED = (
    ImageState.ACTIVE,
    ImageState.DEPRECATED,
    ImageState.OBSOLETE,
    ImageState.DELETED,
)


def test_an_image_is_staged_once(store: Store) -> None:
    first, again = stage(store), stage(store)
    assert first == again
    assert (first.state, first.number, first.name) == (ImageState.STAGED, None, f"web@{first.digest[7:19]}")
    assert verbs(store) == ["image.stage"]


def test_publishing_gives_the_next_number_of_the_family_once(store: Store) -> None:
    names = [
        publish(store, family, version).name for family, version in [("web", 1), ("db", 1), ("web", 2), ("web", 1)]
    ]
    assert names == ["web/1", "db/1", "web/2", "web/1"]
    assert verbs(store) == ["image.stage", "image.publish"] * 3


@pytest.mark.parametrize(
    ("tested", "passed"), [("this", False), ("another", True)], ids=["it failed", "of another digest"]
)
def test_without_a_passing_boot_test_of_this_very_digest_nothing_is_published(
    store: Store, tested: str, passed: bool
) -> None:
    this, another = stage(store, version=1).digest, stage(store, version=2).digest
    before = everything(store)
    with pytest.raises(Conflict, match="own boot test"):
        store.catalog.publish(this, boot_test({"this": this, "another": another}[tested], passed), "ann")
    assert everything(store) == before


def test_the_boot_test_is_kept(store: Store) -> None:
    staged = stage(store)
    assert store.catalog.boot_test(staged.digest) is None
    assert store.catalog.boot_test(publish(store).digest) == boot_test(staged.digest)


def test_numbers_are_never_used_twice(store: Store) -> None:
    for version in (1, 2):
        publish(store, version=version)
    store.catalog.delete("web/2", "ann")
    assert publish(store, version=3).name == "web/3"
    store.catalog.delete("web/3", "ann")
    assert stage(store, version=3).number is None, "the same digest, baked again after it was deleted"
    assert publish(store, version=3).name == "web/4"
    assert publish(store, "web-2", 2).name == "web-2/1", "another family counts for itself"


@pytest.mark.parametrize("start", [ACTIVE, DEPRECATED, OBSOLETE])
@pytest.mark.parametrize("end", [ACTIVE, DEPRECATED, OBSOLETE])
def test_a_published_image_moves_among_three_states(store: Store, start: ImageState, end: ImageState) -> None:
    publish(store)
    store.catalog.set_state("web/1", start, "ann")
    entries = len(verbs(store))
    moved = store.catalog.set_state("web/1", end, "bob", "slow")
    assert moved.state is end
    if start is end:
        assert len(verbs(store)) == entries, "already so: no entry"
        return
    fact = store.ledger.entries()[-1].fact
    verb = {ACTIVE: "image.restore", DEPRECATED: "image.deprecate", OBSOLETE: "image.obsolete"}[end]
    assert (fact.verb, fact.subject, fact.actor, fact.reason) == (verb, "web/1", "bob", "slow")
    assert fact.details == {"digest": moved.digest, "state": end}


@pytest.mark.parametrize("wanted", [ImageState.STAGED, DELETED])
def test_publishing_and_deleting_have_ways_of_their_own(store: Store, wanted: ImageState) -> None:
    publish(store)
    with pytest.raises(Conflict, match="can't be set"):
        store.catalog.set_state("web/1", wanted, "ann")


def test_what_is_staged_or_deleted_has_no_choice_of_state(store: Store) -> None:
    staged = stage(store)
    with pytest.raises(Conflict, match="STAGED"):
        store.catalog.set_state(staged.digest, DEPRECATED, "ann")
    store.catalog.delete(staged.digest, "ann")
    with pytest.raises(Conflict, match="DELETED"):
        store.catalog.set_state(staged.digest, DEPRECATED, "ann")
    with pytest.raises(Conflict, match="deleted"):
        store.catalog.publish(staged.digest, boot_test(staged.digest), "ann")


def test_a_guard_stops_a_change_before_anything_is_written(store: Store) -> None:
    publish(store)
    before = everything(store)

    def refuse(image: Image) -> None:
        raise Conflict(f"{image.name} is another one now")

    with pytest.raises(Conflict, match="web/1 is another"):
        store.catalog.set_state("web/1", DEPRECATED, "ann", guard=refuse)
    assert everything(store) == before


def test_a_family_resolves_to_its_highest_active_image(store: Store) -> None:
    for version in (1, 2, 3):
        publish(store, version=version)
    stage(store, version=4)
    resolved = []
    for name in ("web/3", "web/2"):
        resolved.append(store.catalog.resolve("web").name)
        store.catalog.set_state(name, DEPRECATED, "ann")
    resolved.append(store.catalog.resolve("web").name)
    store.catalog.set_state("web/3", ACTIVE, "ann")
    resolved.append(store.catalog.resolve("web").name)
    assert resolved == ["web/3", "web/2", "web/1", "web/3"]


def test_a_family_without_an_active_image_says_why(store: Store) -> None:
    with pytest.raises(NotFound, match="family web has no image"):
        store.catalog.resolve("web")
    publish(store)
    store.catalog.set_state("web/1", OBSOLETE, "ann")
    with pytest.raises(NotFound, match="web/1 OBSOLETE"):
        store.catalog.resolve("web")


def test_what_a_retained_release_pins_is_not_deleted(store: Store) -> None:
    image = publish(store)
    add(store, release(image))
    before = everything(store)
    with pytest.raises(Conflict, match="web/1 is kept by town#1"):
        store.catalog.delete("web/1", "ann")
    assert everything(store) == before


def test_an_image_in_use_is_not_deleted(store: Store) -> None:
    publish(store)
    with pytest.raises(Conflict, match="in use: machine town-web-r1-0"):
        store.catalog.delete("web/1", "ann", refuse=lambda image: "machine town-web-r1-0")
    assert store.catalog.delete("web/1", "ann", refuse=lambda image: None).state is DELETED
    assert verbs(store)[-1] == "image.delete"
    store.catalog.delete("web/1", "ann")
    assert verbs(store).count("image.delete") == 1, "already so: no entry"


def test_an_image_is_found_by_each_of_its_names(store: Store) -> None:
    image = publish(store)
    digits = image.digest.removeprefix("sha256:")
    for ref in ("web/1", image.digest, digits, digits[:8], f"web@{digits[:12]}", f"web@{image.digest}"):
        assert store.catalog.get(ref) == image, ref


@pytest.mark.parametrize(
    "ref", ["web", "web/2", "web/0", "web/" + "9" * 30, "db@{digits}", "{short}", "", "%", "sha256:"]
)
def test_what_names_no_image_is_not_found(store: Store, ref: str) -> None:
    digits = publish(store).digest.removeprefix("sha256:")
    with pytest.raises(NotFound):
        store.catalog.get(ref.format(digits=digits, short=digits[:7]))


def test_a_near_name_is_suggested(store: Store) -> None:
    publish(store, "critter-web")
    with pytest.raises(NotFound) as missing:
        store.catalog.get("critter-wep/1")
    assert missing.value.next_step == "did you mean critter-web/1?"


def test_an_ambiguous_prefix_is_bad_input(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stoneware.store.catalog.SHORTEST_PREFIX", 0)
    publish(store, version=1)
    publish(store, version=2)
    with pytest.raises(BadInput, match="2 images"):
        store.catalog.get("sha256:")


def test_lists_are_in_the_order_of_family_and_number_and_leave_out_what_is_deleted(store: Store) -> None:
    staged = stage(store, "db", 9)
    for family, version in [("web", 1), ("web", 2), ("db", 1)]:
        publish(store, family, version)
    store.catalog.delete("web/1", "ann")
    assert [image.name for image in store.catalog.list()] == ["db/1", staged.name, "web/2"]
    assert [image.name for image in store.catalog.list("web", deleted=True)] == ["web/1", "web/2"]
    assert store.catalog.families() == ["db", "web"]
