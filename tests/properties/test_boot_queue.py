"""The queue of boots under generated loads: never more places than there are, nobody starves, everybody boots in the end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.decide.capacity import Waiter, deal, turn_of
from stoneware.model.finding import Capacity
from stoneware.model.machine import Machine, Phase, Power

GIB = 2**30
MOST_ROUNDS = 5000

wishes = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 9)), min_size=1, max_size=6)
"""A deployment each: how many machines it has to boot, and how long (rounds) one of them takes."""


def booting(owner: str, number: int, phase: Phase = Phase.BOOTING) -> Machine:
    return Machine(
        name=f"{owner}-{number}",
        owner=owner,
        group="web",
        fleet=1,
        index=number,
        digest="-",
        power=Power.RUNNING,
        phase=phase,
        created_at=0,
        memory_bytes=GIB,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(wishes=wishes, places=st.integers(1, 5), order=st.randoms(use_true_random=False))
def test_the_queue_is_safe_and_fair(wishes: list, places: int, order) -> None:  # type: ignore[no-untyped-def,type-arg]
    """Deployments look in any order, each as often as the others, as rollouts do."""
    host = Capacity(cpus=places, boots=places)
    left = {f"d{n}": wanted for n, (wanted, _) in enumerate(wishes)}
    takes = {f"d{n}": rounds for n, (_, rounds) in enumerate(wishes)}
    since = dict.fromkeys(left, -1.0)  # all had come before the first got a place
    boots: dict[str, tuple[Machine, int]] = {}
    passed_over: dict[str, Counter[str]] = {name: Counter() for name in left}
    for now in range(MOST_ROUNDS):
        boots = {name: one for name, one in boots.items() if one[1] > now}
        for me in order.sample(sorted(left), len(left)):
            if not left[me]:
                continue
            seen = [machine for machine, _ in boots.values()]
            waiters = {name: Waiter(name, many, GIB, since[name]) for name, many in left.items() if many}
            turn = turn_of(waiters.pop(me), host, seen, list(waiters.values()), now)
            if turn.admitted < left[me]:
                assert turn.because, "who waits is told why"
            for _ in range(turn.admitted):
                number = left[me] = left[me] - 1
                boots[f"{me}-{number}"] = (booting(me, number), now + takes[me])
            if turn.admitted:
                since[me] = float(now)
                passed_over[me].clear()
                for other in waiters:
                    if not any(machine.owner == other for machine in seen):
                        passed_over[other][me] += turn.admitted
                        assert passed_over[other][me] <= places, f"{other} waits while {me} boots one after the other"
            assert len(boots) <= places
        if not any(left.values()) and not boots:
            return
    raise AssertionError(f"it never ends: {left}")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    wants=st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(0, 9))
    ),
    has=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3)),
    places=st.integers(0, 8) | st.none(),
    memory_gib=st.integers(0, 40) | st.none(),
)
def test_all_who_see_the_same_picture_agree_and_nothing_is_overrun(
    wants: dict[str, tuple[int, int, int]], has: dict[str, int], places: int | None, memory_gib: int | None
) -> None:
    seen = [booting(owner, n) for owner, many in has.items() for n in range(many)]
    host = Capacity(cpus=1, boots=places, memory_bytes=None if memory_gib is None else memory_gib * GIB)
    waiters = [Waiter(name, many, size * GIB, since) for name, (many, size, since) in wants.items()]
    dealt = deal(host, seen, waiters, 0.0)
    for me in waiters:
        others = [one for one in waiters if one is not me]
        assert turn_of(me, host, seen, others[::-1], 0.0).admitted == dealt[me.deployment] <= me.wanted
    if places is not None:
        assert dealt.total() <= max(0, places - len(seen))
    if memory_gib is not None:
        taken = sum(dealt[one.deployment] * one.memory_bytes for one in waiters)
        assert taken <= max(0, memory_gib - len(seen)) * GIB
    full = dealt.total() == sum(one.wanted for one in waiters)
    short = memory_gib is not None and any(
        one.memory_bytes
        > memory_gib * GIB - len(seen) * GIB - sum(dealt[o.deployment] * o.memory_bytes for o in waiters)
        for one in waiters
        if dealt[one.deployment] < one.wanted
    )
    no_place = places is not None and dealt.total() >= max(0, places - len(seen))
    assert full or short or no_place, "a place that somebody could have is given to somebody"
