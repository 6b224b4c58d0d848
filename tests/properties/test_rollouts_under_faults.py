"""Rollouts under generated histories of faults and wishes: deaths of the daemon, lost replies, engines that are away, machines
that die, clocks that jump, people who pause and abort. Whatever happens, every operation ends, no disk has two writers,
nobody gets traffic below strength, and the ledger holds."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.simulation import Killed, World
from tests.support.specs import spec

from stoneware.errors import StonewareError, Unreachable
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind

VERBS = (
    "create_machine",
    "start_machine",
    "stop_machine",
    "attach_disk",
    "detach_disk",
    "quiesce_machine",
    "list_machines",
    "snapshot_disk",
)
MOST_STEPS = 4000

wishes = st.sampled_from([SignalKind.PAUSE, SignalKind.RESUME, SignalKind.ABORT, SignalKind.APPROVE])
faults = st.one_of(
    st.tuples(st.just("kill"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("lose"), st.sampled_from(VERBS), st.booleans()),
    st.tuples(st.just("away"), st.sampled_from(VERBS), st.integers(1, 4)),
    st.tuples(st.just("proxy"), st.sampled_from(["apply", "read"]), st.integers(1, 4)),
    st.tuples(st.just("wish"), wishes, st.none()),
    st.tuples(st.just("death"), st.sampled_from(["town-web-r1-0", "town-web-r2-1"]), st.none()),
    st.tuples(st.just("clock"), st.sampled_from([-3600.0, -40.0, 20.0, 400.0]), st.none()),
)
history = st.lists(st.tuples(st.integers(0, 60), faults), max_size=4)


@pytest.fixture(scope="module", params=[False, True], ids=["stateless", "with disks"])
def before(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, bool]:
    """A world with a good release, copied for each history."""
    world = World(Path(tmp_path_factory.mktemp("world")))
    world.publish("web", 1)
    world.run(world.deploy(spec(disks=request.param)).id)
    world.publish("web", 2)
    return world, request.param


@settings(
    max_examples=60,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=history, sick=st.booleans())
def test_every_history_ends_well(before: tuple[World, bool], events: list, sick: bool) -> None:  # type: ignore[type-arg]
    original, disks = before
    world = original.copy()
    try:
        operation = world.deploy(spec(disks=disks, hold_limit="10s")).id
        if sick:
            world.engine.sick.add(world.store.catalog.get("web/2").digest)
        died = {event[1] for _, event in events if event[0] == "death"}
        end = play(world, operation, events)
        check(world, end, disks, died)
    finally:
        world.close()


def play(world: World, operation: str, events: list) -> OperationRecord:  # type: ignore[type-arg]
    waiting = sorted(events, key=lambda event: event[0])
    for step in range(MOST_STEPS):
        record = world.store.operations.get(operation)
        if record.result is not None:
            return record
        while waiting and waiting[0][0] <= step:
            happen(world, record.id, *waiting.pop(0)[1])
        if record.paused and not waiting:
            signal(world, record.id, SignalKind.RESUME)
        try:
            world.step()
        except Killed:
            world.restart()
    raise AssertionError(f"it doesn't end: {world.store.operations.get(operation)}")


def happen(world: World, operation: str, kind: str, what: object, how: object) -> None:
    if kind == "kill":
        strike_after(world, int(str(what)), late=bool(how))
    elif kind == "lose":
        world.engine.fail_next(str(what), Unreachable("lost"), after_effect=bool(how) and what != "list_machines")
    elif kind == "away":
        world.engine.fail_next(str(what), Unreachable("away"), times=int(str(how)))
    elif kind == "proxy":
        world.switch.fail_next(str(what), Unreachable("away"), times=int(str(how)))
    elif kind == "wish":
        signal(world, operation, SignalKind(str(what)))
    elif kind == "death" and str(what) in world.machines():
        world.engine.kill_machine(str(what))
    elif kind == "clock":
        world.clock.set(world.clock.now() + float(str(what)))
        world.engine.shift(float(str(what)))


def strike_after(world: World, effects: int, *, late: bool) -> None:
    """The daemon dies at the `effects`-th effect from now, before or after it."""
    left = effects

    def strike(when: str, verb: str, name: str) -> None:
        nonlocal left
        if when == ("after" if late else "before"):
            left -= 1
            if left == 0:
                world.watch = lambda *_: None
                raise Killed

    world.watch = strike


def signal(world: World, operation: str, kind: SignalKind) -> None:
    with contextlib.suppress(StonewareError):  # it is over: the answer a person would get
        world.store.operations.signal(operation, Signal(kind=kind, actor="ann", at=world.clock.now()))


def check(world: World, end: OperationRecord, disks: bool, died: set[str]) -> None:
    assert end.result in (Result.SUCCEEDED, Result.REVERTED, Result.STUCK)
    assert end.because
    assert world.violations == []
    assert world.store.ledger.verify() is None
    current = world.store.releases.current("town")
    assert current is not None
    assert current.number == (2 if end.result is Result.SUCCEEDED else 1)
    view = world.switch.read("town.play")
    assert view is not None
    if end.result is not Result.STUCK:
        assert not view.held
        assert world.fleet() == f"town-web-r{current.number}"
        running = {name for name, state in world.machines().items() if state.startswith("RUNNING")}
        assert running - died == {f"town-web-r{current.number}-{i}" for i in range(2)} - died
    if disks and end.result is Result.SUCCEEDED and not died:
        assert {disk.writer for disk in world.engine.list_disks()} == running
