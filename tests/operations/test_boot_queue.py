"""Boots wait for their turn, with a reason; nobody is punished for waiting, nobody starves, and memory is never overrun."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.decide.fleet import wanted_machines
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.deployment import BootTest, DeploymentSpec, ImageSpec
from stoneware.model.finding import Capacity
from stoneware.model.machine import Phase, Power
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.operations.bake import Bake, BakeFrame
from stoneware.operations.boot_test import OWNER
from stoneware.operations.procedure import Context
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.operations.rollout.queue import admit
from stoneware.operations.rollout.stage import Stage
from stoneware.operations.runner import Runner

MIB = 2**20


def declared(listen: int, size: int, memory: str = "512MiB", image: str = "web", **rollout: object) -> DeploymentSpec:
    known = spec(size, image=image, **rollout).model_dump(mode="json")
    known["groups"]["web"]["machine"]["memory"] = memory
    known["services"]["play"]["listen"] = f"127.0.0.1:{listen}"
    return DeploymentSpec.model_validate(known)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield world
    assert world.violations == []
    world.close()


class Gauge:
    """How many machines boot, and how much memory they have, at every creation."""

    def __init__(self, world: World) -> None:
        self.world, self.most, self.most_bytes = world, 0, 0
        self.order: list[str] = []
        world.watch = self.look

    def look(self, when: str, verb: str, name: str) -> None:
        if when == "after" and verb in ("create_machine", "start_machine"):
            seen = [m for m in self.world.engine.everything() if m.power is Power.RUNNING]
            self.most = max(self.most, sum(m.phase is Phase.BOOTING for m in seen))
            self.most_bytes = max(self.most_bytes, sum(m.memory_bytes for m in seen))
            self.order.append(name)


def reasons(world: World, operation: str) -> list[str]:
    return [line.text for line in world.store.operations.journal(operation)]


def test_no_more_boot_than_there_are_places_and_the_rest_says_what_it_waits_for(world: World) -> None:
    world.engine.host, gauge = Capacity(cpus=2, boots=2), Gauge(world)
    operation, seen = world.deploy(declared(8080, 7)).id, set()
    while world.store.operations.get(operation).result is None:
        world.step()
        seen.add(world.store.operations.get(operation).because)
    assert world.store.operations.get(operation).result is Result.SUCCEEDED
    assert gauge.most == 2
    assert gauge.order == [f"town-web-r1-{n}" for n in range(7)]
    assert "machines wait to boot; 3 wait: 2 of 2 places are taken (town 2)" in seen
    assert sum("wait to boot" in line for line in reasons(world, operation)) == 1, "the journal has it once"


def test_waiting_for_a_turn_costs_no_time(world: World) -> None:
    """30 machines through one place take 90 seconds; the deadline of a boot is 20."""
    world.engine.host = Capacity(cpus=1, boots=1)
    end = world.run(world.deploy(declared(8080, 30, progress_deadline="20s")).id)
    assert end.result is Result.SUCCEEDED


def test_a_machine_of_its_own_that_never_boots_still_misses_its_deadline(world: World) -> None:
    world.engine.host = Capacity(cpus=1, boots=1)
    world.engine.never_boots.add(world.store.catalog.get("web/1").digest)
    end = world.run(world.deploy(declared(8080, 3, progress_deadline="20s")).id)
    assert end.result is Result.REVERTED
    assert "not done within 20s: machines wait to boot" in end.because


def test_a_boot_of_others_that_never_ends_gives_its_place_away(world: World) -> None:
    world.engine.host = Capacity(cpus=1, boots=1)
    world.engine.never_boots.add(world.publish("bad", 1))
    hanging = declared(8081, 1, image="bad", progress_deadline="9000s", auto_rollback=False)
    stuck = world.deploy(hanging, "bad")
    for _ in range(20):
        world.step()
    end = world.run(world.deploy(declared(8080, 2, progress_deadline="20s")).id)
    assert end.result is Result.SUCCEEDED
    assert world.store.operations.get(stuck.id).result is None


def test_deployments_take_turns_whoever_came_first(world: World) -> None:
    world.engine.host, gauge = Capacity(cpus=2, boots=2), Gauge(world)
    big = world.deploy(declared(8080, 20), "big")
    for _ in range(30):
        world.step()
    small = world.deploy(declared(8081, 3), "small")
    asked = len(gauge.order)
    for operation in (big, small):
        assert world.run(operation.id).result is Result.SUCCEEDED
    assert gauge.most == 2
    after = [name.split("-")[0] for name in gauge.order[asked:]]
    assert after.index("small") <= 2
    assert sorted(after[:8]).count("small") == 3, after


def test_who_is_paused_holds_nobody_up(world: World) -> None:
    world.engine.host = Capacity(cpus=1, boots=1)
    first = world.deploy(declared(8080, 9), "first")
    for _ in range(20):
        world.step()
    world.store.operations.signal(first.id, Signal(kind=SignalKind.PAUSE, actor="ann", at=world.clock.now()))
    world.step()
    assert world.run(world.deploy(declared(8081, 3), "second").id).result is Result.SUCCEEDED
    assert world.store.operations.get(first.id).result is None


def test_a_plan_that_can_not_fit_is_refused_in_numbers(world: World) -> None:
    world.engine.host = Capacity(cpus=8, memory_bytes=3072 * MIB, boots=8)
    world.run(world.deploy(declared(8081, 2), "other").id)
    world.run(world.deploy(declared(8080, 2)).id)
    world.publish("web", 2)
    world.run(world.deploy(declared(8080, 2)).id)
    world.publish("web", 3)
    with pytest.raises(Refused) as refused:
        world.deploy(declared(8080, 3))
    assert refused.value.message == (
        "release 3 of town needs 2.5GiB of memory at its peak (1.5GiB when it is done), and 2GiB of 3GiB is free: "
        "other has 1GiB"
    )
    assert "strategy recreate would need 1.5GiB" in refused.value.next_step
    assert "512MiB less in all" in refused.value.next_step
    assert world.releasing.plan_rollback("town", None).release == 1, "the same two fleets fit"


def test_memory_that_others_took_meanwhile_is_waited_for(world: World) -> None:
    gauge = Gauge(world)
    world.engine.host = Capacity(cpus=8, memory_bytes=2048 * MIB, boots=8)
    world.run(world.deploy(declared(8081, 3), "other").id)
    world.engine.host = Capacity(cpus=8, memory_bytes=4096 * MIB, boots=8)
    coming = world.deploy(declared(8080, 3))
    world.engine.host = Capacity(cpus=8, memory_bytes=2048 * MIB, boots=8)
    for _ in range(100):
        world.step()
    waiting = world.store.operations.get(coming.id)
    assert waiting.because == (
        "machines wait for memory; 2 of 512MiB each, and 0B of 2GiB is free: other has 1.5GiB, town has 512MiB"
    )
    world.destroy("other")
    assert world.run(coming.id).result is Result.SUCCEEDED
    assert gauge.most_bytes == 2048 * MIB


def test_memory_that_never_comes_ends_in_the_way_back(world: World) -> None:
    coming = world.deploy(declared(8080, 3, progress_deadline="30s"))
    world.engine.host = Capacity(cpus=8, memory_bytes=1024 * MIB, boots=8)
    end = world.run(coming.id)
    assert end.result is Result.REVERTED
    assert "machines wait for memory; 1 of 512MiB each" in end.because


def test_a_machine_that_dies_while_requests_are_held_waits_for_nobody(world: World) -> None:
    world.run(world.deploy(spec(2, disks=True)).id)
    world.publish("web", 2)
    operation = world.deploy(spec(2, disks=True)).id
    while world.store.operations.get(operation).state != "HANDING_OVER":
        world.step()
    world.engine.host = Capacity(cpus=1, boots=0)
    world.engine.kill_machine("town-web-r2-0")
    while world.store.operations.get(operation).state == "HANDING_OVER":
        world.step()
    assert world.engine.effects.count(("create_machine", "town-web-r2-0")) == 2
    assert world.store.operations.get(operation).state == "SHIFTING", "healthy, before the hold was over"


def test_a_step_may_ask_several_times_and_keeps_its_place(world: World) -> None:
    world.engine.host = Capacity(cpus=1, boots=1)
    release, _ = world.releasing.plan("town", declared(8080, 3), "ann")
    record = world.deploy(declared(8080, 3))
    ctx = Context(record, world.clock.now(), lambda line: None, threading.Event(), set(), lambda key, fact: None)
    stage = Stage(ctx, RolloutFrame(target=1), world.platforms.get("fake"), release, None, world.store)
    first, second, third = wanted_machines(release, "web")
    world.engine.publish_image(world.artifact(first.digest))
    assert [one.name for one in admit(stage, [first, second])] == [first.name]
    world.engine.create_machine(first)
    assert list(admit(stage, [third])) == []
    assert list(admit(stage, [])) == []
    assert stage.frame.queue is not None
    assert (stage.waiting, stage.frame.queue.wanted, stage.queued[:30]) == (2, 2, "machines wait to boot; 1 wait:")


class Oven:
    """A bake whose image is sealed, and that is about to start the machine in which it is tested."""

    def __init__(self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        digest = world.publish("api", 1)
        monkeypatch.setattr("stoneware.operations.bake.load", lambda *_: world.artifact(digest))
        test = BootTest.model_validate({"tcp": {"port": 80}, "within": "20s"})
        recipe = ImageSpec(containerfile="x", deliver=("vm",), test=(test,))
        bake = Bake(world.store, Home(folder), {"vm": world.platforms.get("fake")}, world.clock)
        self.world = world
        world.runner = Runner(world.store, {**world.runner.procedures, "bake": bake}, world.clock, lambda *_: None)
        self.made = world.store.operations.create(
            kind="bake",
            subject="family:api",
            actor="ann",
            reason="",
            state="TESTING",
            frame=BakeFrame(family="api", folder="/", spec=recipe, digest=digest, entered_at=world.clock.now()),
        ).id

    def look(self) -> OperationRecord:
        """The bake after one more step of whatever is due."""
        self.world.step()
        return self.world.store.operations.get(self.made)

    def boots(self) -> bool:
        return any(machine.owner == OWNER for machine in self.world.engine.everything())


def test_a_boot_test_waits_for_its_place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that boots as many machines as it can tests no image meanwhile, and says so."""
    world.engine.host, world.engine.boot_seconds = Capacity(boots=1), 60.0
    deployed = world.deploy(declared(8080, 1)).id
    while not world.machines():
        world.step()
    oven = Oven(world, tmp_path, monkeypatch)
    while world.machines() == {"town-web-r1-0": "RUNNING/BOOTING"}:
        assert not oven.boots()
        because = oven.look().because
    assert because.startswith("machines wait to boot; 1 wait: 1 of 1 places are taken (town 1)")
    while world.store.operations.get(deployed).result is None:
        world.step()
    assert oven.boots(), "as soon as the other one was up"


def test_a_boot_test_waits_for_memory_and_not_for_ever(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(world.deploy(declared(8080, 1, "512MiB")).id)
    world.engine.host = Capacity(memory_bytes=513 * MIB)
    oven, began = Oven(world, tmp_path, monkeypatch), world.clock.now()
    while (seen := oven.look()).state == "TESTING":
        assert not oven.boots()
        world.clock.sleep(5.0)
    assert world.clock.now() - began > 590
    assert seen.state == "DISCARDING" and "machines wait for memory" in seen.because
    assert not oven.boots()
