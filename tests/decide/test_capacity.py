"""What fits, in numbers, and whose turn it is to boot."""

from __future__ import annotations

from typing import Any

import pytest
from tests.decide.releases import DISK, group, release, spec

from stoneware.decide.capacity import (
    PLACE_S,
    Turn,
    Waiter,
    booting,
    deal,
    lasting_bytes,
    peak_bytes,
    turn_of,
    why_too_large,
)
from stoneware.model.finding import Capacity
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.release import Release

GIB = 2**30
NOW = 1000.0


def web(number: int, size: int = 2, memory: str = "1GiB", newest: int = 1, **more: Any) -> Release:
    return release(number, spec({"web": group(size=size, machine={"memory": memory}, **more)}), newest=newest)


def machine(name: str, owner: str = "town", **more: Any) -> Machine:
    known: dict[str, Any] = {"power": Power.RUNNING, "phase": Phase.SERVING, "memory_bytes": GIB, "started_at": NOW - 1}
    known |= more
    return Machine(name=name, owner=owner, group="web", fleet=1, index=0, digest="-", created_at=0, **known)


@pytest.mark.parametrize(
    ("source", "target", "strategy", "need_gib"),
    [
        (None, web(1), None, 2),
        (web(1), web(2, newest=2), None, 4),
        (web(1), web(2, newest=2), "rolling", 3),
        (web(1), web(2, newest=2), "recreate", 2),
        (web(1), web(2, newest=2), "canary", 4),
        (web(1), web(2, size=3, newest=2, memory="2GiB"), "rolling", 8),
        (web(1), web(1, size=5), None, 5),  # the same fleet grows
        (web(1, size=5), web(1), None, 5),
        (release(1, spec({"web": group(machine={"memory": "1GiB"}), "db": group("db")})), web(2, newest=2), None, 3.5),
    ],
)
def test_the_most_that_is_needed_on_the_way(
    source: Release | None, target: Release, strategy: str | None, need_gib: float
) -> None:
    assert peak_bytes(source, target, strategy) == need_gib * GIB


def test_a_rehearsal_on_a_copy_of_the_data_counts() -> None:
    more = {"disks": DISK, "rollout": {"snapshot": True, "rehearse": True}}
    assert peak_bytes(web(1, **more), web(2, newest=2, **more)) == 5 * GIB
    assert peak_bytes(web(1, **more), web(2, newest=2, **more), "recreate") == 3 * GIB
    assert peak_bytes(web(1), web(2, newest=2, **more)) == 4 * GIB, "there is no data yet"


def test_a_renewal_needs_one_machine_more() -> None:
    assert peak_bytes(web(1, size=4), web(2, size=4, newest=2), renewal=True) == 5 * GIB
    assert peak_bytes(web(1, disks=DISK), web(2, newest=2, disks=DISK), renewal=True) == 4 * GIB, "disks move together"


def test_a_declared_surge_counts() -> None:
    assert peak_bytes(web(1), web(2, newest=2, rollout={"strategy": "rolling", "surge": 3}), "rolling") == 5 * GIB


@pytest.mark.parametrize(("strategy", "need_gib"), [("rolling", 4), ("canary", 4), ("blue_green", 4), ("recreate", 2)])
def test_a_way_back_is_direct(strategy: str, need_gib: int) -> None:
    target = web(2, newest=2, rollout={"strategy": strategy})
    assert peak_bytes(web(1), target, direct=True) == need_gib * GIB


@pytest.mark.parametrize(("direct", "need_gib"), [(False, 5), (True, 4)])
def test_a_baseline_is_one_more_machine(direct: bool, need_gib: int) -> None:
    target = web(2, newest=2, rollout={"strategy": "canary", "baseline": True})
    assert peak_bytes(web(1), target, direct=direct) == need_gib * GIB


def test_a_way_back_that_does_not_fit_names_the_deploy_that_would() -> None:
    target = web(2, newest=2, rollout={"strategy": "rolling"})
    assert why_too_large(web(1), target, {}, 3 * GIB) is None
    found = why_too_large(web(1), target, {}, 3 * GIB, direct=True)
    assert found is not None
    assert found[1].startswith("a deploy of the same images with strategy rolling would need 3GiB; ")


def test_what_fits_is_not_refused() -> None:
    target = web(2, newest=2)
    assert why_too_large(web(1), target, {"other": 4 * GIB}, 8 * GIB) is None
    assert why_too_large(web(1), target, {"other": 400 * GIB}, None) is None


def test_what_needs_no_more_than_what_runs_is_not_refused() -> None:
    small_host = GIB
    assert why_too_large(web(1, size=5), web(1, size=3), {"other": 4 * GIB}, small_host) is None
    assert why_too_large(web(1, size=5), web(1, size=6), {"other": 4 * GIB}, small_host) is not None


def test_what_does_not_fit_is_refused_in_numbers_with_what_would_help() -> None:
    found = why_too_large(web(1), web(2, newest=2), {"other": 4 * GIB, "third": GIB // 2}, 8 * GIB)
    assert found == (
        "release 2 of town needs 4GiB of memory at its peak (2GiB when it is done), and 3.5GiB of 8GiB is free: "
        "other has 4GiB, third has 512MiB",
        "strategy rolling would need 3GiB; strategy recreate would need 2GiB; "
        "declare fewer or smaller machines, 512MiB less in all",
    )


def test_strategies_that_would_not_help_are_not_named() -> None:
    alone = why_too_large(None, web(1, size=9), {}, 8 * GIB)
    assert alone == (
        "release 1 of town needs 9GiB of memory, and 8GiB of 8GiB is free",
        "declare fewer or smaller machines, 1GiB less in all",
    )
    with_disk = why_too_large(web(1, disks=DISK), web(2, newest=2, disks=DISK), {"other": 5 * GIB}, 8 * GIB)
    assert with_disk is not None
    assert with_disk[1].startswith("strategy recreate would need 2GiB; declare")


def test_many_others_are_summed_up() -> None:
    others = {f"d{n}": GIB for n in range(7)}
    found = why_too_large(None, web(1), others, 8 * GIB)
    assert found is not None
    assert found[0].endswith(
        "1GiB of 8GiB is free: d0 has 1GiB, d1 has 1GiB, d2 has 1GiB, d3 has 1GiB, others have 3GiB"
    )


def test_a_place_is_had_by_who_boots_and_not_for_ever() -> None:
    seen = [
        machine("a-0", "a", phase=Phase.BOOTING),
        machine("a-1", "a", phase=Phase.BOOTING, started_at=NOW - PLACE_S),
        machine("a-2", "a", phase=Phase.BOOTING, started_at=None),
        machine("a-3", "a"),
        machine("b-0", "b", phase=Phase.BOOTING, power=Power.GONE),
        machine("b-1", "b", phase=Phase.WAITING),
    ]
    assert booting(seen, NOW) == {"a": 2}


def waiter(name: str, wanted: int = 9, since: float = NOW, memory_bytes: int = GIB) -> Waiter:
    return Waiter(name, wanted, memory_bytes, since)


@pytest.mark.parametrize(
    ("boots", "boot", "waiters", "dealt"),
    [
        (2, {}, [waiter("a")], {"a": 2}),
        (2, {"a": 2}, [waiter("a")], {}),
        (2, {"a": 3}, [waiter("a")], {}),
        (4, {}, [waiter("a", 1), waiter("b")], {"a": 1, "b": 3}),
        (3, {"a": 1}, [waiter("a"), waiter("b")], {"b": 1, "a": 1}),
        (2, {"a": 1}, [waiter("a"), waiter("b")], {"b": 1}),
        (1, {}, [waiter("a", since=NOW), waiter("b", since=NOW - 1)], {"b": 1}),
        (1, {}, [waiter("b"), waiter("a")], {"a": 1}),
        (None, {}, [waiter("a", 3), waiter("b", 2)], {"a": 3, "b": 2}),
    ],
)
def test_places_go_to_who_has_fewest_then_to_who_waited_longest(
    boots: int | None, boot: dict[str, int], waiters: list[Waiter], dealt: dict[str, int]
) -> None:
    seen = [machine(f"{o}-{n}", o, phase=Phase.BOOTING) for o, many in boot.items() for n in range(many)]
    assert deal(Capacity(boots=boots), seen, waiters, NOW) == dealt


def test_memory_is_looked_at_again_when_it_is_time_to_boot() -> None:
    host = Capacity(cpus=8, memory_bytes=4 * GIB, boots=8)
    seen = [machine("a-0", "a"), machine("b-0", "b"), machine("b-1", "b", power=Power.STOPPED)]
    assert deal(host, seen, [waiter("a"), waiter("b", memory_bytes=3 * GIB)], NOW) == {"a": 2}
    turn = turn_of(waiter("a", 3), host, seen, [], NOW)
    assert turn == Turn(
        2,
        "machines wait for memory; 1 of 1GiB each, and 0B of 4GiB is free: a has 1GiB, b has 1GiB",
        for_memory=True,
    )


def test_who_waits_is_told_for_what() -> None:
    seen = [machine("a-0", "a", phase=Phase.BOOTING)]
    assert turn_of(waiter("b", 1), Capacity(boots=2), seen, [], NOW) == Turn(1)
    assert turn_of(waiter("b", 4), Capacity(boots=2), seen, [waiter("c", 5)], NOW) == Turn(
        1,
        "machines wait to boot; 3 wait: 2 of 2 places are taken (a 1), and 5 of other deployments wait, too",
    )


def test_what_lasts_is_what_is_declared() -> None:
    assert lasting_bytes(web(1, size=3)) == 3 * GIB
