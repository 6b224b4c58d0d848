"""Time travel under generated histories: at every moment the whole picture is kept aside, and later the ledger alone has to give
each of them back: machines, disks, routes, images and what was current."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.properties.test_rollouts_under_faults import signal
from tests.support.simulation import Killed, World
from tests.support.specs import spec

from stoneware.decide.fleet import pool_label
from stoneware.decide.lifecycle import effective_state
from stoneware.errors import StonewareError
from stoneware.model.history import Moment
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Timer
from stoneware.model.machine import Machine, Power, WantedDisk
from stoneware.model.operation import SignalKind
from stoneware.model.taint import TaintSource
from stoneware.operations.disks import CloneFrame
from stoneware.operations.looking_back import LookingBack

STRATEGIES = ("blue_green", "canary", "rolling", "recreate")
MOST_STEPS = 3000
MARGIN_S = 0.001
EXPLORE = "EXPLORE" in os.environ
MOST_MOMENTS = 10**6 if EXPLORE else 20
"""So many of a history are looked back at: each look reads the ledger from its beginning."""

deploys = st.tuples(st.just("deploy"), st.sampled_from(STRATEGIES), st.booleans())
others = st.tuples(
    st.sampled_from(["rollback", "destroy", "deprecate", "obsolete", "restore", "schedule", "revoke", "reinstate"]),
    st.integers(1, 5),
    st.none(),
)
besides = st.tuples(st.sampled_from(["taint", "rehearse", "clone"]), st.integers(0, 1), st.none())
troubles = st.one_of(
    st.none(),
    st.tuples(st.just("abort"), st.integers(0, 40)),
    st.tuples(st.just("kill"), st.integers(0, 12)),
)
wishes = st.lists(st.tuples(st.one_of(deploys, deploys, others, besides), troubles), min_size=2, max_size=6)


@pytest.fixture(scope="module", params=[False, True], ids=["stateless", "with disks"])
def disks(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@settings(
    max_examples=50 if EXPLORE else 12,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=wishes)
def test_the_ledger_gives_back_every_moment(tmp_path: Path, disks: bool, history: list[Any]) -> None:
    world = World(tmp_path)
    try:
        seen = list(play(world, disks, history))
        for at, picture in [*seen[:: 1 + len(seen) // MOST_MOMENTS], seen[-1]]:
            assert told(LookingBack(world.store).at(at), world) == picture, (
                f"{at - seen[0][0]:.3f} s after the beginning"
            )
        assert world.store.ledger.verify() is None
    finally:
        world.close()


def play(world: World, disks: bool, history: list[Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Every moment with its picture. While an effect may be half done (after a kill, until the operation is over) none is taken."""
    world.publish("web", 1)
    version = 1
    for (what, how, more), trouble in history:
        operation = None
        with contextlib.suppress(StonewareError):
            if what == "deploy":
                version += 1
                strategy = "recreate" if disks and how in ("rolling", "canary") else how
                world.publish("web", version)
                operation = world.deploy(spec(disks=disks, strategy=strategy, size=2 + bool(more))).id
            elif what == "rollback":
                operation = world.releasing.rollback("town", None, "ann")[1].id
            elif what == "destroy" and world.store.releases.list("town"):
                operation = world.destroy().id
            elif what == "rehearse" and world.store.releases.current("town"):
                operation = world.rehearse().id
            elif what == "clone" and (found := world.engine.list_disks("town")):
                operation = clone(world, found[how % len(found)].name, f"copy-{len(world.engine.list_disks('lab'))}")
            elif what == "taint" and (machines := world.engine.everything("town")):
                taint(world, machines[how % len(machines)])
            else:
                change(world, what, f"web/{min(how, version)}")
        yield picture(world)
        if operation:
            yield from to_its_end(world, operation, trouble)
            yield picture(world)


def clone(world: World, source: str, name: str) -> str:
    """A copy for somebody who has no deployment."""
    size = next(disk.size_bytes for disk in world.engine.list_disks() if disk.name == source)
    schema = world.store.disk_schemas.all().get(source)
    wanted = WantedDisk(name=name, owner="lab", size_bytes=size)
    return world.begin("clone", CloneFrame(engine="fake", source=source, disk=wanted, data_schema=schema)).id


def taint(world: World, machine: Machine) -> None:
    marked = {"machine": machine.name, "made_at": machine.created_at, "deployment": "town", "engine": "fake"}
    world.store.taints.set({**marked, "actor": "ann", "reason": "a look", "source": TaintSource.SHELL})


def change(world: World, what: str, image: str) -> None:
    catalog = world.store.catalog
    match what:
        case "deprecate" | "obsolete":
            catalog.set_state(image, ImageState[what.upper() + ("D" if what == "deprecate" else "")], "ann", "old")
        case "restore":
            catalog.set_state(image, ImageState.ACTIVE, "ann", "good after all")
        case "schedule":
            catalog.schedule(image, {Timer.DEPRECATE: world.clock.now() + 30, Timer.DELETE: None}, "ann")
        case "revoke":
            catalog.revoke(image, "ann", "a hole")
        case "reinstate":
            catalog.reinstate(image, "ann", "no hole")


def to_its_end(world: World, operation: str, trouble: tuple[str, int] | None) -> Iterator[tuple[float, dict[str, Any]]]:
    kind, when = trouble or ("", 0)
    whole, left = True, when

    def strike(moment: str, _verb: str, _name: str) -> None:
        nonlocal left
        left -= moment == "before"
        if left < 0:
            world.watch = lambda *_: None
            raise Killed

    if kind == "kill":
        world.watch = strike
    for step in range(MOST_STEPS):
        if world.store.operations.get(operation).result is not None:
            world.watch = lambda *_: None
            return
        if kind == "abort" and step == when:
            signal(world, operation, SignalKind.ABORT)
        try:
            world.step()
        except Killed:
            world.restart()
            whole = False
        if whole:
            yield picture(world)
    raise AssertionError(f"it doesn't end: {world.store.operations.get(operation)}")


def picture(world: World) -> tuple[float, dict[str, Any]]:
    """How everything is now; and then time goes on a little, so that nothing else is of this moment."""
    now = world.clock.now()
    current = world.store.releases.current("town")
    found = {
        "machines": {m.name: (m.digest, m.power is Power.STOPPED, m.group, m.fleet) for m in world.engine.everything()},
        "disks": {d.name: (d.writer, d.size_bytes) for d in world.engine.list_disks()},
        "schemas": world.store.disk_schemas.all(),
        "snapshots": sorted(one.name for one in world.engine.list_snapshots()),
        "current": current.model_dump(exclude={"state"}) if current else None,
        "images": {i.name: (rounded(i), effective_state(i, now)) for i in world.store.catalog.list()},
        "routes": {name: route for name in world.switch.services() if (route := route_of(world, name))},
    }
    world.clock.sleep(MARGIN_S)
    return now, found


def route_of(world: World, service: str) -> tuple[str, dict[str, int]] | None:
    """The pool with the traffic, and the shares of others."""
    view = world.switch.view(service)
    if view is None or view.active is None:
        return None
    return view.pools[view.active].fleet, {
        view.pools[slot].fleet: share for slot, share in view.shares.items() if slot != "C"
    }


def told(moment: Moment, world: World) -> dict[str, Any]:
    """The same, as the ledger has it."""
    town = next((one for one in moment.deployments if one.name == "town"), None)
    machines, all_disks = town.machines if town else (), (*(town.disks if town else ()), *moment.disks)
    current = town.release if town else None
    return {
        "machines": {m.name: (m.digest, m.power is Power.STOPPED, m.group, m.release) for m in machines},
        "disks": {d.name: (d.writer, d.size_bytes) for d in all_disks},
        "schemas": {d.name: d.data_schema for d in all_disks if d.data_schema is not None},
        "snapshots": sorted(one.name for one in (*(town.snapshots if town else ()), *moment.snapshots)),
        "current": current.model_dump(exclude={"state"}) if current else None,
        "images": {i.image.name: (rounded(i.image), i.effective.state) for i in moment.images},
        "routes": {r.service: labels(world, r) for r in (town.routes if town else ()) if r.release is not None},
    }


def rounded(image: Image) -> Image:
    """The ledger has times of timers to a microsecond."""
    return image.model_copy(update={"deprecate_at": image.deprecate_at and round(image.deprecate_at, 5)})


def labels(world: World, route: Any) -> tuple[str, dict[str, int]]:
    """A route's releases as the labels of their pools."""

    def label(number: int) -> str:
        return pool_label(LookingBack(world.store).release("town", number), "play")

    active = f"{label(route.release)}..{label(route.mixed)}" if route.mixed else label(route.release)
    return active, {label(number): share for number, share in route.shares.items()}
