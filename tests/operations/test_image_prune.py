"""Pruning images: what is over and unreachable goes, by one path with its entry; whatever is needed stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.simulation import World, manifest
from tests.support.specs import spec

from stoneware.errors import Unreachable
from stoneware.model.deployment import ImageSpec, KeepSpec
from stoneware.model.image import ImageState
from stoneware.model.lifecycle import Timer
from stoneware.model.operation import Result
from stoneware.operations.bake import BakeFrame
from stoneware.operations.image_prune import ImagePrune
from stoneware.operations.prune import Prune
from stoneware.operations.usage import survey

DAY = 86400.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Release 2 runs web/3, release 1 pins web/1; nothing needs web/2."""
    world = World(tmp_path)
    for version in (1, 2, 3):
        world.publish("web", version)
        if version != 2:
            world.run(world.deploy(spec()).id)
    yield world
    world.close()


def keep(world: World, **rule: Any) -> None:
    world.store.catalog.keep("web", KeepSpec.model_validate(rule), "ann")


def pruner(world: World) -> ImagePrune:
    return ImagePrune(world.store, world.platforms, world.clock)


def left(world: World) -> list[str]:
    return [image.name for image in world.store.catalog.list()]


def test_without_a_rule_and_a_timer_everything_stays(world: World) -> None:
    world.clock.sleep(1000 * DAY)
    assert pruner(world).plan().deletes == ()


def test_a_rule_takes_what_nothing_needs_with_its_entry_and_its_files(world: World) -> None:
    keep(world, newest=1)
    world.engine.publish_image(world.artifact(world.store.catalog.get("web/2").digest))
    assert [gone.image for gone in pruner(world).run("ann", "tidy")] == ["web/2"]
    assert left(world) == ["web/1", "web/3"]
    fact = world.store.ledger.entries(limit=1000)[-1].fact
    assert (fact.verb, fact.subject, fact.actor) == ("image.delete", "web/2", "ann")
    assert fact.reason == "tidy: beyond the newest 1"
    assert set(world.engine.images()) == {world.store.catalog.get(name).digest for name in left(world)}
    assert pruner(world).run("ann") == []


def test_each_thing_that_keeps_an_image_is_named(world: World) -> None:
    keep(world, newest=1)
    kept = {one.image: [reason.by for reason in one.reasons] for one in pruner(world).plan().keeps}
    assert kept == {
        "web/1": ["town-web-r1-0", "town-web-r1-1", "town#1"],
        "web/3": ["town-web-r2-0", "town-web-r2-1", "town#2", "web"],
    }


def test_a_rollout_needs_what_it_leads_to_and_from(world: World) -> None:
    world.publish("web", 4)
    operation = world.deploy(spec())
    mentions = survey(world.store, world.platforms, world.clock).mentions
    assert {world.store.catalog.get(digest).name for digest in mentions} == {"web/3", "web/4"}
    assert set(mentions.values()) == {(operation.id,)}
    world.run(operation.id)
    assert survey(world.store, world.platforms, world.clock).mentions == {}


def test_a_bake_needs_the_image_that_it_is_about(world: World) -> None:
    digest = world.store.catalog.get("web/2").digest
    frame = BakeFrame(family="web", folder="/", spec=ImageSpec(), digest=digest)
    words = {"kind": "bake", "subject": "family:web", "actor": "ann", "reason": "", "state": "PUBLISHING"}
    operation = world.store.operations.create(**words, frame=frame)
    assert survey(world.store, world.platforms, world.clock).mentions == {digest: (operation.id,)}
    keep(world, newest=1)
    assert pruner(world).run("ann") == []


def test_a_due_image_goes_when_nothing_needs_it_any_more(world: World) -> None:
    world.publish("web", 4)
    for name in ("web/2", "web/3"):
        world.store.catalog.schedule(name, {Timer.DELETE: world.clock.now() + DAY}, "ann")
    housekeeping = Prune(world.store, world.platforms, world.clock, lambda: None)
    assert housekeeping.run() == []
    world.clock.sleep(DAY + 1)
    assert "web/2" in housekeeping.run()
    [kept] = [one for one in pruner(world).plan().keeps if one.image == "web/3"]
    assert kept.over and kept.reasons
    world.run(world.deploy(spec().model_copy(update={"keep_releases": 1})).id)
    world.clock.sleep(2 * DAY)  # the stopped machines' time is over, too
    housekeeping.run()
    world.run(world.deploy(spec(size=3).model_copy(update={"keep_releases": 1})).id)
    assert "web/3" in housekeeping.run()
    assert world.store.ledger.entries(limit=1000)[-1].fact.reason.startswith("its time to be deleted came at")


def test_what_was_staged_goes_when_no_bake_is_under_way(world: World) -> None:
    staged = world.store.catalog.stage(manifest("web", 9), 1, "ann")
    operation = world.store.operations.create(
        kind="bake",
        subject="family:web",
        actor="ann",
        reason="",
        state="BUILDING",
        frame=BakeFrame(family="web", folder="/", spec=ImageSpec()),
    )
    assert staged.digest not in [one.digest for one in pruner(world).plan().deletes]
    record = world.store.operations.claim("sim", 30)
    assert record is not None and record.id == operation.id
    frame = BakeFrame.model_validate(record.frame)
    end = {"state": "BUILDING", "because": "", "wake_at": 0.0, "text": "", "result": Result.FAILED}
    world.store.operations.commit(record, frame=frame, **end)
    assert [gone.digest for gone in pruner(world).run("ann")] == [staged.digest]
    assert world.store.catalog.get(staged.digest).state is ImageState.DELETED


def test_only_what_was_seen_goes(world: World) -> None:
    keep(world, newest=1)
    assert pruner(world).run("ann", seen=[]) == []
    seen = [one.digest for one in pruner(world).plan().deletes]
    world.publish("web", 4)
    world.publish("web", 5)
    assert [gone.image for gone in pruner(world).run("ann", seen=seen)] == ["web/2"]
    assert "web/4" in [one.image for one in pruner(world).plan().deletes]


def test_what_is_needed_again_since_the_plan_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(world, newest=1)
    stale = pruner(world).plan()
    assert [one.image for one in stale.deletes] == ["web/2"]
    world.store.catalog.set_state("web/3", ImageState.DEPRECATED, "ann")  # the family leads to web/2 now
    monkeypatch.setattr(ImagePrune, "plan", lambda _: stale)
    assert pruner(world).run("ann") == []
    assert "web/2" in left(world)


def test_an_engine_that_is_away_stops_every_prune(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(world, newest=1)

    def away(owner: str | None = None) -> None:
        raise Unreachable("the engine is away")

    monkeypatch.setattr(world.engine, "list_machines", away)
    with pytest.raises(Unreachable):
        pruner(world).run("ann")
    assert "web/2" in left(world)
