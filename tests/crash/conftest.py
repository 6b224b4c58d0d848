"""Stories to be interrupted: each prepares a world and names the operation that is then played to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.store.operations import Operations


def first_deploy(world: World) -> str:
    return world.deploy(spec(disks=True)).id


def replace(world: World) -> str:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    return world.deploy(spec()).id


def hand_over(world: World) -> str:
    world.run(world.deploy(spec(disks=True)).id)
    world.publish("web", 2)
    return world.deploy(spec(disks=True)).id


def rollback(world: World) -> str:
    world.run(hand_over(world))
    return world.releasing.rollback("town", None, "tester")[1].id


def sick_after_hand_over(world: World) -> str:
    world.run(world.deploy(spec(disks=True)).id)
    world.engine.sick.add(world.publish("web", 2))
    return world.deploy(spec(disks=True, hold_limit="2s")).id


def never_boots(world: World) -> str:
    world.run(world.deploy(spec(disks=True)).id)
    world.engine.never_boots.add(world.publish("web", 2))
    return world.deploy(spec(disks=True, progress_deadline="5s")).id


def destroy(world: World) -> str:
    world.run(world.deploy(spec(disks=True)).id)
    return world.destroy().id


STORIES: dict[str, Callable[[World], str]] = {
    story.__name__: story
    for story in (first_deploy, replace, hand_over, rollback, sick_after_hand_over, never_boots, destroy)
}


@pytest.fixture(params=STORIES.values(), ids=STORIES.keys())
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, str]]:
    """A world just before an operation, and the operation."""
    world = World(tmp_path)
    world.publish("web", 1)
    operation = request.param(world)
    yield world, operation
    world.close()


@pytest.fixture(autouse=True)
def _commits_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step writes is an effect, too: `watch` of the world in play hears of its notes and its commit."""

    def watch(verb: str, name_of: Callable[..., str]) -> None:
        write = getattr(Operations, verb)

        def watched(self: Operations, *given: object, **words: object) -> object:
            world = World.in_play
            assert world is not None
            world.watch("before", verb, name_of(*given))
            written = write(self, *given, **words)
            world.watch("after", verb, name_of(*given))
            return written

        monkeypatch.setattr(Operations, verb, watched)

    watch("commit", lambda record: record.state)
    watch("note", lambda record, key, fact: key)
