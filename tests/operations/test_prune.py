"""Housekeeping removes what is over and nothing that anyone could still want."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.bake.tidy import tidy
from stoneware.model.deployment import ImageSpec
from stoneware.operations.bake import BakeFrame
from stoneware.operations.prune import Prune

DAY_S = 86400.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 2 is current; the machines of release 1 are stopped."""
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        world.run(world.deploy(spec()).id)
    yield world
    world.close()


def prune(world: World) -> list[str]:
    return Prune(world.store, world.platforms, world.clock, lambda: tidy(world.folder, set())).run()


def test_stopped_machines_stay_for_their_time_and_go_after_it(world: World) -> None:
    world.clock.sleep(DAY_S - 60)
    assert prune(world) == []
    world.clock.sleep(120)
    assert sorted(prune(world)) == ["town-web-r1-0", "town-web-r1-1"]
    assert sorted(world.machines()) == ["town-web-r2-0", "town-web-r2-1"]
    assert prune(world) == []


def test_a_tainted_machine_is_not_kept_to_go_back_to(world: World) -> None:
    [made_at] = [m.created_at for m in world.engine.everything() if m.name == "town-web-r1-0"]
    told = {"machine": "town-web-r1-0", "made_at": made_at, "deployment": "town", "engine": "fake"}
    world.store.taints.set({**told, "actor": "ann", "reason": "a look", "source": "shell"})
    assert prune(world) == ["town-web-r1-0"]
    world.run(world.releasing.rollback("town", None, "tester")[1].id)
    assert world.fleet() == "town-web-r1"


def test_a_release_whose_machines_are_gone_can_be_rolled_back_to(world: World) -> None:
    world.clock.sleep(2 * DAY_S)
    prune(world)
    world.run(world.releasing.rollback("town", None, "tester")[1].id)
    assert world.fleet() == "town-web-r1"


def test_nothing_is_pruned_while_something_is_under_way(world: World) -> None:
    world.clock.sleep(2 * DAY_S)
    world.releasing.rollback("town", None, "tester")
    assert prune(world) == []


def test_the_newest_releases_are_kept_and_the_way_back(world: World) -> None:
    few = {"keep_releases": 3}
    for version in range(3, 8):
        world.publish("web", version)
        world.run(world.deploy(spec().model_copy(update=few)).id)
    prune(world)
    assert [release.number for release in world.store.releases.list("town")] == [5, 6, 7]


def test_files_of_a_deleted_image_go_even_when_a_daemon_died_in_between(world: World) -> None:
    digest = world.publish("other", 9)
    world.engine.publish_image(world.artifact(digest))
    world.store.catalog.delete(digest, "ann")
    assert digest in world.engine.images()
    prune(world)
    assert set(world.engine.images()) == {world.store.catalog.get(name).digest for name in ("web/1", "web/2")}


def deleted(world: World, family: str, version: int) -> str:
    """An image that the catalog has deleted, and whose files a dead daemon has left."""
    digest = world.publish(family, version)
    world.engine.publish_image(world.artifact(digest))
    world.store.catalog.delete(digest, "ann")
    return digest


def test_an_image_that_comes_back_while_another_one_goes_keeps_its_files(world: World) -> None:
    first, second = deleted(world, "another", 8), deleted(world, "other", 9)

    def import_it(when: str, verb: str, name: str) -> None:
        if (when, verb, name) == ("before", "delete_image", first):
            assert world.publish("other", 9) == second

    world.watch = import_it
    prune(world)
    assert first not in world.engine.images()
    assert second in world.engine.images()


def test_files_of_a_family_that_is_being_baked_stay_and_nobody_enters_while_others_go(world: World) -> None:
    baked, gone = deleted(world, "baked", 8), deleted(world, "other", 9)
    frame = BakeFrame(family="baked", folder="/", spec=ImageSpec())
    begun = {"kind": "bake", "subject": "family:baked", "actor": "ann", "reason": "", "state": "BUILDING"}
    world.store.operations.create(**begun, frame=frame)
    alone: list[str] = []

    @contextmanager
    def entrance() -> Iterator[None]:
        alone.append("held")
        yield
        alone.append("left")

    world.watch = lambda when, verb, name: alone.append(f"{when} {verb} {name}")
    Prune(world.store, world.platforms, world.clock, lambda: None, entrance).run()
    assert alone == ["held", "left", "held", f"before delete_image {gone}", f"after delete_image {gone}", "left"]
    assert baked in world.engine.images()


def test_engines_are_not_asked_again_for_images_that_are_long_gone(world: World) -> None:
    deleted(world, "other", 9)
    prune(world)
    asked: list[str] = []
    world.watch = lambda when, verb, name: asked.append(verb)
    prune(world)
    assert "delete_image" not in asked


def test_housekeeping_tidies_the_store_of_images(world: World) -> None:
    mark = world.folder / f".{'f' * 64}.verified"
    mark.write_text("of a layer that no image has")
    prune(world)
    assert not mark.exists()
