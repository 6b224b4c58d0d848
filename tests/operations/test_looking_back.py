"""Looking back: how a machine came to be, and releases that are no longer retained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import NotFound
from stoneware.host.home import Home
from stoneware.model.ledger import Fact
from stoneware.model.machine import WantedDisk
from stoneware.model.snapshot import WantedSnapshot
from stoneware.operations.disks import CloneFrame, SnapshotFrame
from stoneware.operations.inspection import Inspection
from stoneware.operations.looking_back import LookingBack
from stoneware.store.database import writing
from stoneware.store.ledger import append

MACHINE = "town-web-r2-0"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two releases, the second one current."""
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        _, record = world.releasing.deploy("town", spec(), "ann", f"version {version}")
        assert record is not None
        world.run(record.id)
    yield world
    world.close()


def test_a_machine_tells_who_wanted_it_and_why_also_when_it_is_gone(world: World) -> None:
    found = LookingBack(world.store).blame(MACHINE)
    digest = world.store.catalog.get("web/2").digest
    assert (found.image, found.digest, found.deployment, found.release) == ("web/2", digest, "town", 2)
    assert (found.operation, found.asked_by, found.why, found.exists) == ("rollout-2", "ann", "version 2", True)
    assert [one.fact.verb for one in found.made] == ["image.stage", "image.publish", "release.create", "rollout.begin"]
    assert [one.fact.verb for one in found.events] == ["machine.create"]
    world.run(world.destroy().id)
    assert LookingBack(world.store).blame(MACHINE).exists is False


def test_a_machine_that_was_made_anew_tells_of_its_second_beginning(world: World) -> None:
    world.engine.kill_machine(MACHINE)
    world.engine.delete_machine(MACHINE)
    world.run(world.releasing.rollback("town", 1, "ann")[1].id)
    world.run(world.releasing.rollback("town", 2, "bob", "after all")[1].id)
    found = LookingBack(world.store).blame(MACHINE)
    assert (found.operation, found.asked_by, found.why) == ("rollout-4", "bob", "after all")
    assert (found.image, found.release) == ("web/2", 2)


def test_what_never_was_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no machine town-web-r9-0"):
        LookingBack(world.store).blame("town-web-r9-0")
    with pytest.raises(NotFound, match="no release 9"):
        LookingBack(world.store).release("town", 9)
    with pytest.raises(NotFound, match="no deployment city then"):
        LookingBack(world.store).at(world.clock.now(), "city")
    assert LookingBack(world.store).at(0.0).deployments == ()


def test_a_release_is_known_when_it_is_forgotten_and_its_image_deleted(world: World, tmp_path: Path) -> None:
    first, second = world.store.releases.get("town", 1), world.store.releases.get("town", 2)
    with writing(world.store.db) as conn:
        world.store.releases.forget(conn, "town", 1)
    world.store.releases._read.clear()
    world.store.catalog.delete("web/1", "ann")
    past = LookingBack(world.store).release("town", 1)
    assert past.model_copy(update={"state": first.state}) == first
    found = Inspection(world.store, Home(tmp_path)).diff_releases(past, second)
    [group] = found.groups
    assert group.image is not None
    assert (group.image.before, group.image.after) == ("web/1", "web/2")
    assert "files can't be compared: web/1 was deleted" in group.image.facts
    world.run(world.destroy().id)
    assert LookingBack(world.store).release("town", 2).groups == second.groups


def test_what_a_rehearsal_of_the_way_back_made_is_part_of_the_past(tmp_path: Path) -> None:
    world = World(tmp_path)
    for version in (1, 2):
        world.publish("web", version)
        world.run(world.deploy(spec(disks=True)).id)
    operation, met = world.rehearse().id, False
    while world.store.operations.get(operation).result is None:
        world.step()
        [town] = LookingBack(world.store).at(world.clock.now()).deployments
        assert {one.name for one in town.machines} == {one.name for one in world.engine.everything()}
        assert {one.name: one.size_bytes for one in town.disks} == {
            one.name: one.size_bytes for one in world.engine.list_disks()
        }
        if town.operation is not None:
            met = True
            assert (town.operation.id, town.operation.subject) == (operation, "town.shadow")
    assert met
    found = LookingBack(world.store).blame(f"{operation}-web-0")
    assert (found.image, found.deployment, found.release) == ("web/1", "town", 1)
    assert (found.operation, found.asked_by, found.exists) == (operation, "tester", False)
    assert [one.fact.verb for one in found.made] == [
        "image.stage",
        "image.publish",
        "release.create",
        "rehearsal.begin",
    ]
    world.close()


def test_snapshots_outlive_their_disk_and_disks_that_no_deployment_has_are_there_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=True)).id)
    wanted = WantedSnapshot(name="s1", why="before", data_schema=None)
    world.run(world.begin("snapshot", SnapshotFrame(engine="fake", disk="town-web-data-0", snapshot=wanted)).id)
    copy = WantedDisk(name="copy", owner="lab", size_bytes=2**30)
    world.run(world.begin("clone", CloneFrame(engine="fake", source="town-web-data-0", disk=copy)).id)
    lab = WantedSnapshot(name="s2", why="before", data_schema=None)
    world.run(world.begin("snapshot", SnapshotFrame(engine="fake", disk="copy", snapshot=lab)).id)
    world.run(world.destroy().id)
    for disk in world.engine.list_disks("town"):
        enter(world, "disk.delete", disk.name)
        world.engine.delete_disk(disk.name)
    moment = LookingBack(world.store).at(world.clock.now())
    [town] = moment.deployments
    assert ([one.name for one in town.snapshots], town.disks) == (["s1"], ())
    assert [(one.name, one.owner, one.size_bytes) for one in moment.disks] == [("copy", "lab", 2**30)]
    assert [(one.name, one.owner) for one in moment.snapshots] == [("s2", "lab")]
    assert LookingBack(world.store).at(world.clock.now(), "town").disks == (), "they aren't of this deployment"
    world.close()


@pytest.mark.parametrize("verb", ["machine.taint", "machine.quarantine", "machine.shell", "machine.shell.end"])
def test_what_is_only_said_of_a_machine_leaves_it_its_disks(tmp_path: Path, verb: str) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=True)).id)
    enter(world, verb, "town-web-r1-0")
    assert writers(world) == {disk.name: disk.writer for disk in world.engine.list_disks()}
    assert writers(world)["town-web-data-0"] == "town-web-r1-0"
    world.close()


def test_whose_signatures_counted_is_known_of_every_moment(world: World) -> None:
    def trusted() -> str:
        return LookingBack(world.store).at(world.clock.now()).daemon.get("trusted_keys", "no daemon")

    enter(world, "key.trust", "cccc")
    assert trusted() == "no daemon"
    enter(world, "daemon.start", "daemon", version="1", trusted_keys="bbbb")
    enter(world, "key.trust", "aaaa")
    assert trusted() == "aaaa, bbbb"
    enter(world, "key.distrust", "bbbb")
    assert trusted() == "aaaa"
    enter(world, "key.distrust", "aaaa")
    assert trusted() == ""


def test_a_machine_that_is_kept_away_is_so_until_it_is_made_anew(world: World) -> None:
    def away() -> tuple[str, ...]:
        [town] = LookingBack(world.store).at(world.clock.now()).deployments
        return town.routes[0].kept_away

    for machine in ("town-web-r2-1", MACHINE, MACHINE):
        enter(world, "route.drain", "town.play", machine=machine)
    assert away() == (MACHINE, "town-web-r2-1")
    enter(world, "route.share", "town.play", release="2", percent="0")
    enter(world, "machine.taint", MACHINE)
    assert away() == (MACHINE, "town-web-r2-1")
    enter(world, "machine.delete", MACHINE)
    assert away() == ("town-web-r2-1",)


def test_a_time_that_came_twice_says_so_and_names_the_entry_where_the_clock_went_back(world: World) -> None:
    def notes(at: float) -> tuple[str, ...]:
        return LookingBack(world.store).at(at).notes

    ended = world.clock.now()
    world.clock.sleep(600)
    enter(world, "role.grant", "ops")
    assert notes(ended + 300) == ()
    world.clock.set(ended + 100)
    enter(world, "role.grant", "dev")
    last = world.store.ledger.end()[0]
    [note] = notes(ended + 300)
    assert f"before entry {last} the clock was set back" in note
    assert notes(ended + 50) == notes(ended + 700) == ()
    world.clock.set(ended + 99.5)
    enter(world, "role.grant", "qa")
    assert len(notes(ended + 300)) == 1, "what two threads write isn't in order to the second"


def enter(world: World, verb: str, subject: str, **details: str) -> None:
    with writing(world.store.db) as conn:
        append(conn, world.clock.now(), Fact(verb=verb, subject=subject, actor="ann", details=details))


def writers(world: World) -> dict[str, str | None]:
    [town] = LookingBack(world.store).at(world.clock.now()).deployments
    return {disk.name: disk.writer for disk in town.disks}
