"""Stories to be interrupted: each prepares a world and names the operation that is then played to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.finding import Capacity
from stoneware.model.image import StateSchema
from stoneware.model.machine import WantedDisk
from stoneware.model.snapshot import WantedSnapshot
from stoneware.operations.disks import CloneFrame, SnapshotFrame
from stoneware.operations.restoring import RestoreFrame
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.rollout import Rollout
from stoneware.store.operations import Operations

DISK = "town-web-data-0"


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


def heal(world: World) -> str:
    """A sick machine with a disk is made anew while another sick one is left as it is."""
    world.run(world.deploy(spec(3, disks=True)).id)
    born = {machine.name: machine.created_at for machine in world.engine.everything()}
    world.clock.sleep(60.0)
    world.engine.sick.add("town-web-r1-2")
    frame = RolloutFrame(
        target=1,
        source=1,
        rollback=True,
        entered_at=world.clock.now(),
        replace={"town-web-r1-1": born["town-web-r1-1"]},
        mends=("town-web-r1-1",),
    )
    return world.store.operations.create(
        kind="rollout", subject="town", actor="stoneware", reason="sick", state=Rollout.first, frame=frame
    ).id


def queued(world: World) -> str:
    """Three machines boot one by one, in less memory than they'd need beside others."""
    world.engine.host = Capacity(cpus=1, memory_bytes=3 * 512 * 2**20, boots=1)
    return world.deploy(spec(3)).id


def destroy(world: World) -> str:
    world.run(world.deploy(spec(disks=True)).id)
    return world.destroy().id


def new_data(world: World, hold_limit: str = "2s", **rollout: object) -> DeploymentSpec:
    """Version 1 runs, and version 2 writes what it can't read."""
    world.publish("old", 1, StateSchema(reads=(1,), writes=1))
    world.run(world.deploy(spec(size=1, image="old/1", disks=True, hold_limit=hold_limit, bake_time="1s")).id)
    world.engine.write(DISK, "fox")
    world.publish("new", 2, StateSchema(reads=(1, 2), writes=2))
    times = {"hold_limit": hold_limit, "bake_time": "1s", **rollout}
    return spec(size=1, image="new/1", disks=True, on_failure="restore_snapshot", **times)


def way_back_restores(world: World) -> str:
    wanted = new_data(world)
    world.engine.sick.add(world.store.catalog.get("new/1").digest)
    return world.deploy(wanted).id


def rollback_with_data(world: World) -> str:
    world.run(world.deploy(new_data(world, hold_limit="20s")).id)
    world.engine.write(DISK, "owl")
    return world.releasing.rollback("town", None, "tester", restore_data=True)[1].id


def failed_rollback_with_data(world: World) -> str:
    world.run(world.deploy(new_data(world)).id)
    world.engine.sick.add(world.store.catalog.get("old/1").digest)
    return world.releasing.rollback("town", None, "tester", restore_data=True)[1].id


def rehearse(world: World) -> str:
    return world.deploy(new_data(world, "20s", rehearse=True)).id


def restore(world: World) -> str:
    world.run(world.deploy(spec(size=1, disks=True)).id)
    world.run(world.begin("snapshot", SnapshotFrame(engine="fake", disk=DISK, snapshot=WantedSnapshot(name="s"))).id)
    world.engine.write(DISK, "owl")
    frame = RestoreFrame(engine="fake", disk=DISK, snapshot="s", machine="town-web-r1-0")
    return world.begin("restore", frame).id


def clone(world: World) -> str:
    world.run(world.deploy(spec(size=1, disks=True)).id)
    copy = WantedDisk(name="copy", owner="town", size_bytes=2**30)
    return world.begin("clone", CloneFrame(engine="fake", source=DISK, disk=copy)).id


def rehearse_way_back(world: World) -> str:
    world.run(hand_over(world))
    return world.rehearse().id


def way_back_that_fails(world: World) -> str:
    world.run(hand_over(world))
    world.engine.sick.add(world.store.catalog.get("web/1").digest)
    return world.rehearse().id


STORIES: dict[str, Callable[[World], str]] = {
    story.__name__: story
    for story in (
        *(first_deploy, replace, hand_over, rollback, sick_after_hand_over, never_boots, heal, queued, destroy),
        *(way_back_restores, rollback_with_data, failed_rollback_with_data, rehearse, restore, clone),
        *(rehearse_way_back, way_back_that_fails),
    )
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
