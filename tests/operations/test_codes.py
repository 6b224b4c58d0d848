"""An operation that ends otherwise than hoped for carries the code of what led there, and so does its entry in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import ToolFailed, Unreachable
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.publish("web", 1)
    made.run(made.deploy(spec()).id)
    yield made
    made.close()


def _code_of_entry(world: World) -> str:
    return world.store.ledger.entries(limit=1000)[-1].fact.details.get("code", "")


def _gives_up(world: World) -> None:
    world.engine.gives_up.add(world.publish("web", 2))


def _boots_for_ever(world: World) -> None:
    world.publish("web", 2)
    world.engine.boot_seconds = 1e6


ENDS: dict[str, tuple[Callable[[World], None], str]] = {
    "a machine that doesn't come up": (_gives_up, "machine-not-up"),
    "time that is over": (_boots_for_ever, "deadline-passed"),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_rollout_that_turns_back_says_why_in_a_code(world: World, case: str) -> None:
    prepare, code = ENDS[case]
    prepare(world)
    end = world.run(world.deploy(spec(progress_deadline="30s", boot_tries=1)).id)
    assert (end.result, end.code) == (Result.REVERTED, code)
    assert _code_of_entry(world) == code


def _until(world: World, operation: str, state: str) -> OperationRecord:
    while (record := world.store.operations.get(operation)).state != state:
        assert record.result is None
        world.step()
    return record


def test_one_that_is_sick_after_the_switch_says_so(world: World) -> None:
    digest = world.publish("web", 2)
    operation = world.deploy(spec()).id
    _until(world, operation, "SOAKING")
    world.engine.sick.add(digest)
    assert world.run(operation).code == "machine-sick"


def test_one_whose_image_is_revoked_says_so(world: World) -> None:
    digest = world.publish("web", 2)
    operation = world.deploy(spec()).id
    world.store.catalog.revoke(digest, "ann", "a hole in it")
    end = world.run(operation)
    assert (end.result, end.code) == (Result.REVERTED, "image-revoked")


def test_one_that_a_person_turns_back_says_so(world: World) -> None:
    world.publish("web", 2)
    operation = world.deploy(spec()).id
    _until(world, operation, "VERIFYING")
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    assert world.run(operation).code == "aborted"


def test_what_is_tried_again_has_its_code_until_it_works(world: World) -> None:
    world.publish("web", 2)
    operation = world.deploy(spec()).id
    failing: list[Exception] = [ToolFailed(["podman"], 1, "no"), Unreachable("away")]

    def stumble(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "create_machine") and failing:
            raise failing.pop()

    world.watch, seen = stumble, []
    while (record := world.store.operations.get(operation)).result is None:
        seen += [record.code] if record.code not in seen[-1:] else []
        world.step()
    assert (seen, record.code, record.result) == (["", "unreachable", "tool-failed", ""], "", Result.SUCCEEDED)
    assert _code_of_entry(world) == ""


def test_an_engine_that_stays_away_is_what_a_missed_deadline_is_put_down_to(world: World) -> None:
    world.publish("web", 2)
    operation = world.deploy(spec(progress_deadline="30s")).id

    def away(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "create_machine"):
            raise Unreachable("no route to the engine")

    world.watch = away
    assert world.run(operation).code == "unreachable"
