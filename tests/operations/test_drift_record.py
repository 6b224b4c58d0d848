"""What drift compares with stands in the database, too: whoever edits it there is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.host.home import Home
from stoneware.model.image import BootTestRecord
from stoneware.operations.checkpoints import Checkpoints
from stoneware.operations.ledger_watch import LedgerWatch
from stoneware.store.tables import images

SPOILED: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "another port": lambda body: {**body, "inside": {"vm": {"listening": ["tcp/4444"]}}},
    "no record": lambda _: None,
}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(2)).id)
    yield Guard(world)
    world.close()


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_the_record_of_the_boot_test_is_the_one_that_was_published(
    guard: Guard, spoil: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    assert guard.found() == []
    with guard.world.store.db.begin() as conn:
        before = conn.scalar(sa.select(images.c.boot_test))
        BootTestRecord.model_validate(before)
        conn.execute(images.update().values(boot_test=spoil(before)))
    assert "image.changed web/1 boot-test" in guard.found()
    with guard.world.store.db.begin() as conn:
        conn.execute(images.update().values(boot_test=before))
    assert guard.found() == []


def test_a_ledger_that_does_not_hold_is_drift_until_it_does(guard: Guard, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    watch = LedgerWatch(Checkpoints(guard.world.store, home, guard.world.clock))
    guard.drift.gathering.ledger = watch.problem
    assert guard.found() == []
    watch._next = 0.0  # time goes by
    move(guard, 1)
    assert guard.found() == ["ledger.broken ledger"]
    [drift] = guard.check().drifts
    assert drift.found == "entry 2 was changed"
    move(guard, -1)
    assert guard.found() == []
    assert guard.facts("drift.begin", "drift.end") == [
        "drift.begin ledger ledger.broken",
        "drift.end ledger ledger.broken",
    ]


def test_an_image_that_only_the_way_back_needs_is_looked_after(guard: Guard) -> None:
    world = guard.world
    digest = world.publish("web", 2)
    world.run(world.deploy(spec(2)).id)
    assert guard.found() == []
    before = next(one.digest for one in world.store.catalog.list() if one.digest != digest)
    guard.damaged[before] = "layer-0.erofs isn't what its digest says"
    assert guard.found() == ["image.file web/1"]


def move(guard: Guard, seconds: int) -> None:
    with guard.world.store.db.begin() as conn:
        conn.execute(sa.text("UPDATE ledger SET at = at + :by WHERE seq = 2"), {"by": seconds})
