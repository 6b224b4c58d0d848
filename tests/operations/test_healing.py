"""Machines that run and don't answer are made anew from their own release: by turns, with pauses, and not in a storm."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.hospital import Hospital
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.operation import Result

NAMES = [f"town-web-r1-{n}" for n in range(10)]


def settled(tmp_path: Path, size: int, disks: bool = False, **rollout: object) -> Hospital:
    world = World(tmp_path)
    world.publish("web", 1)
    world.run(world.deploy(spec(size, disks, **rollout)).id)
    hospital = Hospital(world)
    hospital.live(5)
    assert hospital.started == []
    return hospital


@pytest.fixture(params=[False, True], ids=["stateless", "with disks"])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hospital]:
    hospital = settled(tmp_path, 10, request.param)
    yield hospital
    assert hospital.world.violations == []
    assert hospital.world.store.ledger.verify() is None
    hospital.world.close()


def test_a_sick_machine_is_made_anew_and_the_rest_stays(ward: Hospital) -> None:
    world, before = ward.world, ward.world.picture()
    born = {m.name: m.created_at for m in world.engine.everything()}
    world.engine.sick.add(NAMES[3])
    with ward.cured_when_made_anew():
        [repair] = ward.live(60)
    end = ward.ended(repair)
    assert (end.result, end.reason) == (Result.SUCCEEDED, f"sick: {NAMES[3]}: connection refused")
    assert ward.deaths() == [NAMES[3]]
    after = world.picture()
    for what in ("machines", "disks", "routes", "current", "releases"):
        assert after[what] == before[what]
    now = {m.name: m.created_at for m in world.engine.everything()}
    assert [name for name in NAMES if now[name] != born[name]] == [NAMES[3]]
    assert ward.reconcile.notes_of("town") == ()


def test_two_misses_are_tolerated_three_are_not(ward: Hospital) -> None:
    ward.world.engine.sick.add(NAMES[0])
    ward.live(1.5)
    ward.world.engine.sick.clear()
    assert ward.live(20) == []
    ward.world.engine.sick.add(NAMES[0])
    assert len(ward.live(5)) == 1


def test_a_machine_finishes_its_requests_and_leaves_the_proxy_before_it_stops(ward: Hospital) -> None:
    world, left = ward.world, []
    view = world.switch.view("town.play")
    assert view and view.active
    world.switch.open[view.pools[view.active].fleet] = 1

    def look(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "stop_machine"):
            route = world.switch.view("town.play")
            assert route and route.active
            left.append([m.machine for m in route.pools[route.active].members])
            world.engine.sick.discard(name)

    world.watch = look
    world.engine.sick.add(NAMES[3])
    [repair] = ward.live(60)
    assert ward.ended(repair).result is Result.SUCCEEDED
    assert left == [[name for name in NAMES if name != NAMES[3]]]
    verbs = [verb for verb, name in world.engine.effects if name == NAMES[3]]
    assert verbs == ["create_machine", "stop_machine", "delete_machine", "create_machine"]


def test_a_machine_that_can_not_be_told_to_stop_goes_all_the_same(ward: Hospital) -> None:
    from stoneware.errors import Unreachable

    ward.world.engine.fail_next("stop_machine", Unreachable("it doesn't hear"), times=10_000)
    ward.world.engine.sick.add(NAMES[3])
    with ward.cured_when_made_anew():
        [repair] = ward.live(120)
    assert ward.ended(repair).result is Result.SUCCEEDED
    assert ward.deaths() == [NAMES[3]]


def test_several_sick_ones_take_their_turns(ward: Hospital) -> None:
    sick = NAMES[2:5]
    ward.world.engine.sick.update(sick)
    with ward.cured_when_made_anew():
        repairs = ward.live(150)
    assert [ward.ended(one).result for one in repairs] == [Result.SUCCEEDED] * 3
    assert ward.deaths() == sick


def test_one_that_falls_sick_during_a_repair_is_the_next_ones(ward: Hospital) -> None:
    world = ward.world
    world.engine.sick.add(NAMES[3])
    ward.live(4)
    with ward.cured_when_made_anew():
        world.engine.sick.add(NAMES[5])
        world.engine.kill_machine(NAMES[7])
        ward.live(100)
    assert [ward.ended(one).result for one in ward.started] == [Result.SUCCEEDED] * len(ward.started)
    assert sorted(ward.deaths()) == [NAMES[3], NAMES[5], NAMES[7]]
    assert set(world.machines().values()) == {"RUNNING/SERVING"}


@pytest.mark.parametrize("new_daemon", [False, True])
def test_a_storm_is_reported_and_nobody_is_replaced(ward: Hospital, new_daemon: bool) -> None:
    ward.world.engine.sick.update(NAMES[:4])
    ward.live(10)
    if new_daemon:
        ward.open()
    assert ward.live(300) == []
    assert ward.deaths() == []
    [note] = ward.reconcile.notes_of("town")
    assert note.startswith("4 of 10 machines of group web are unwell at once, more than 34 %")
    ward.world.engine.sick.clear()
    assert ward.live(10) == []
    assert ward.reconcile.notes_of("town") == ()


def test_the_budget_is_what_the_group_declares(tmp_path: Path) -> None:
    ward = settled(tmp_path, 10, unavailable=2)
    ward.world.engine.sick.update(NAMES[:3])
    with ward.cured_when_made_anew():
        [repair] = ward.live(60)
    assert ward.ended(repair).result is Result.SUCCEEDED
    assert ward.deaths() == NAMES[:3]
    ward.world.close()


@pytest.mark.parametrize("size", [1, 2])
def test_a_small_group_is_healed_whatever_its_share(tmp_path: Path, size: int) -> None:
    ward = settled(tmp_path, size)
    ward.world.engine.sick.update(NAMES[:size])
    with ward.cured_when_made_anew():
        ward.live(100)
    assert ward.deaths() == NAMES[:size]
    assert ward.reconcile.notes_of("town") == ()
    ward.world.close()


def test_one_that_falls_sick_again_and_again_is_made_anew_less_and_less_often(tmp_path: Path) -> None:
    ward = settled(tmp_path, 3)
    times: list[float] = []

    def cure_for_a_while(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("after", "delete_machine"):
            ward.world.engine.sick.discard(name)
            times.append(ward.world.clock.now())

    ward.world.watch = cure_for_a_while
    for _ in range(200):
        if not ward.world.store.operations.active("town"):
            ward.world.engine.sick.add(NAMES[1])
        ward.live(10)
    gaps = [late - early for early, late in pairwise(times)]
    assert len(gaps) >= 5
    assert all(later > earlier for earlier, later in pairwise(gaps[1:])), gaps
    assert max(gaps) < 1000
    ward.world.close()


def test_what_a_person_does_goes_first(ward: Hospital) -> None:
    ward.world.publish("web", 2)
    disks = bool(ward.world.engine.list_disks())
    ward.world.engine.sick.add(NAMES[0])
    wanted = ward.world.deploy(spec(10, disks))
    assert ward.live(60) == []
    assert ward.ended(wanted).result is Result.SUCCEEDED


def test_a_repair_that_fails_leaves_the_release_good_and_the_traffic_on(ward: Hospital) -> None:
    ward.world.engine.sick.add(NAMES[0])  # and it stays so, however often it is made anew
    [first, *more] = ward.live(400)
    end = ward.ended(first)
    assert end.result is Result.REVERTED
    assert ward.world.store.releases.get("town", 1).state == "GOOD"
    assert ward.world.fleet() == "town-web-r1"
    assert 1 <= len(more) <= 5
    ward.world.engine.sick.clear()
    ward.live(120)
    assert ward.reconcile.notes_of("town") == ()
    assert {state for state in ward.world.machines().values()} == {"RUNNING/SERVING"}


def test_an_engine_that_is_away_keeps_no_other_from_being_looked_after(ward: Hospital) -> None:
    from stoneware.errors import Unreachable

    ward.world.engine.fail_next("list_machines", Unreachable("away"))
    with pytest.raises(Unreachable):
        ward.reconcile.run()
    assert ward.reconcile.run() == []
