"""What the runner promises whatever the procedure: a wish that can't be heeded at once is not forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.errors import BadInput, BakeFailed, Problem, Unreachable
from stoneware.model.operation import Result, Signal, SignalKind
from stoneware.operations import runner
from stoneware.operations.rollout.rollout import Rollout


def test_an_abort_whose_way_back_fails_at_first_is_heard_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.publish("web", 1)
    operation = world.deploy(spec()).id
    world.step()
    retreat, failing = Rollout.retreat, [Unreachable("away"), Unreachable("away")]

    def stumbling(self, ctx, frame, reason):  # type: ignore[no-untyped-def]
        if failing:
            raise failing.pop()
        return retreat(self, ctx, frame, reason)

    monkeypatch.setattr(Rollout, "retreat", stumbling)
    world.store.operations.signal(operation, Signal(kind=SignalKind.ABORT, actor="ann", at=world.clock.now()))
    end = world.run(operation)
    assert failing == []
    assert (end.result, end.because) == (Result.REVERTED, "aborted by ann")
    world.close()


def test_a_refusal_of_an_input_names_the_places_of_its_first_problems() -> None:
    problems = [Problem("stoneware.yaml", line, "images", "is wrong") for line in (1, 2, 3, 4, 5)]
    told = runner.in_words(BadInput("stoneware.yaml has problems", problems))
    assert told.startswith("stoneware.yaml has problems: stoneware.yaml:1 images: is wrong; stoneware.yaml:2")
    assert told.endswith("; and 2 more")
    assert runner.in_words(BadInput("no", next_step="say yes")) == "no (say yes)"


def test_a_recipe_s_refusal_says_where_it_is() -> None:
    where = "Containerfile, line 3: ENV A=$A$A"
    assert runner.in_words(BakeFailed("no", where, "", "yes")) == f"{where}: no (yes)"
    assert runner.in_words(BakeFailed("the recipe fails at STEP 3", "STEP 3")) == "the recipe fails at STEP 3"
    assert len(runner.in_words(BakeFailed("no", where * 100))) < 130
