"""`stoneware drift` doesn't call well what nobody could look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Stoneware
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.cli import options
from stoneware.errors import Unreachable


class Daemon:
    """Answers from a simulated world."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def get(self, path: str) -> Any:
        if path == "/v1/deployments":
            return [{"name": "town"}]
        known = self.guard.drift.report("town").model_dump(mode="json")
        return [known] if path == "/v1/drift" else known

    def post(self, _path: str, _body: dict[str, Any], limit_s: float | None) -> Any:
        return self.guard.check().model_dump(mode="json")


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    """A deployment that is as it should be."""
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec()).id)
    made = Guard(world)
    daemon = Daemon(made)
    monkeypatch.setattr(options, "client", lambda: daemon)
    yield made
    world.close()


def away(guard: Guard, what: str) -> None:
    guard.world.engine.fail_next(what, Unreachable("the engine doesn't answer"), times=1000)


@pytest.mark.parametrize("words", [("drift",), ("drift", "town"), ("drift", "town", "--json")])
@pytest.mark.parametrize("looked", [False, True])
def test_what_could_not_be_compared_is_not_called_well(
    stoneware: Stoneware, guard: Guard, words: tuple[str, ...], looked: bool
) -> None:
    if looked:
        assert stoneware(*words).code == 0
    away(guard, "list_machines")
    done = stoneware(*words)
    assert done.code == 1, "nobody knows"
    if "--json" in words:
        [report] = json.loads(done.out)
        assert (report["drifts"], report["notes"]) == ([], ["the engine doesn't answer"])
        return
    assert done.out.startswith("town: NOT COMPARED with release 1 (")
    assert "no differences" not in done.out
    assert "  (the engine doesn't answer)" in done.out


def test_what_is_known_from_before_stays_drift(stoneware: Stoneware, guard: Guard) -> None:
    guard.world.engine.meddle_inside("town-web-r1-0", listening=("tcp/4444",))
    assert stoneware("drift").code == 4
    away(guard, "list_machines")
    done = stoneware("drift")
    assert (done.code, done.out.partition(" (")[0]) == (
        4,
        "town: NOT COMPARED with release 1; 1 difference known from before",
    )


def test_what_could_be_compared_in_part_says_so(stoneware: Stoneware, guard: Guard) -> None:
    away(guard, "attest")
    done = stoneware("drift")
    assert done.code == 1
    assert done.out.startswith("town: no differences from release 1 in what could be compared (0 machines answered")


def test_a_look_that_nobody_has_taken_yet_says_nothing(stoneware: Stoneware, guard: Guard) -> None:
    done = stoneware("drift", "--last")
    assert (done.code, done.out) == (1, "town: NOT COMPARED with release 1 (not looked at yet)\n")
    assert stoneware("drift").code == 0
    assert stoneware("drift", "--last").code == 0


def test_a_part_that_could_not_be_compared_is_told_to_scripts(stoneware: Stoneware, guard: Guard) -> None:
    assert stoneware("drift").code == 0
    away(guard, "attest")
    for words in (("drift",), ("drift", "town", "--json")):
        assert stoneware(*words).code == 1
    [report] = json.loads(stoneware("drift", "--json").out)
    assert (report["drifts"], report["whole"]) == ([], False)
