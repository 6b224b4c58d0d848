"""What simulated histories have found about canaries, and about what happens between a look and the switch that it allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.ledger import Fact
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.store.operations import Operations


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield world
    world.close()


STEPS = [{"share": 50, "duration": "2s"}]


def dies_when_it_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, machine: str, release: str = "2"
) -> None:
    """The machine dies while the hand that was about to give it traffic stands still at the ledger's door."""
    note = Operations.note

    def late(self: Operations, record: OperationRecord, key: str, fact: Fact) -> None:
        note(self, record, key, fact)
        if (fact.verb, fact.details.get("release")) == (verb, release):
            monkeypatch.setattr(Operations, "note", note)
            world.engine.kill_machine(machine)

    monkeypatch.setattr(Operations, "note", late)


def test_a_switch_looks_once_more_after_it_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    dies_when_it_is_written(world, monkeypatch, "route.switch", "town-web-r2-1")
    given = []
    world.watch = lambda when, verb, _: given.append(world.fleet()) if (when, verb) == ("after", "apply") else None
    assert world.run(world.deploy(spec()).id).result is Result.REVERTED
    assert set(given) == {"town-web-r1"}


def test_a_baseline_that_is_not_up_gets_no_share(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    dies_when_it_is_written(world, monkeypatch, "route.share", "town-web-r1-base-2")
    shares = []
    world.watch = lambda when, verb, name: (
        shares.append(dict(world.switch.view(name).shares)) if (when, verb) == ("after", "apply") else None
    )
    assert world.run(world.deploy(spec(strategy="canary", steps=STEPS, baseline=True)).id).result is Result.SUCCEEDED
    assert {"B": 50} in shares
    assert not any("C" in one for one in shares)


def test_a_baseline_that_dies_loses_its_share(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    operation = world.deploy(spec(strategy="canary", steps=STEPS, baseline=True)).id
    while "C" not in world.switch.view("town.play").shares:
        world.step()
    world.engine.kill_machine("town-web-r1-base-2")
    while "C" in world.switch.view("town.play").shares:
        world.step()
    assert world.store.operations.get(operation).state == "CANARY"
    assert world.run(operation).result is Result.SUCCEEDED


def test_nobody_inherits_the_share_of_a_canary_that_was_given_up(world: World) -> None:
    world.run(world.deploy(spec()).id)
    world.publish("web", 2)
    world.deploy(spec(strategy="canary", steps=STEPS, baseline=True))
    while not world.switch.view("town.play").shares:
        world.step()
    destroyed = world.destroy()
    world.store.operations.signal(destroyed.id, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    assert world.run(destroyed.id).result is Result.STUCK
    world.publish("web", 3)
    operation = world.deploy(spec()).id
    while world.store.operations.get(operation).state != "SHIFTING":
        world.step()
    view = world.switch.view("town.play")
    assert view.shares == {}
    assert "C" not in view.pools
    facts = [entry.fact for entry in world.store.ledger.entries(limit=1000)]
    assert [fact.details["percent"] for fact in facts if fact.verb == "route.share"] == ["50", "0"]
    assert world.run(operation).result is Result.SUCCEEDED
    assert not [name for name in world.machines() if "-base-" in name]
