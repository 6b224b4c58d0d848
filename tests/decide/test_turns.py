"""A rolling update: enough serve at every moment, not too many exist, and it always comes to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.turns import Moves, Standing, is_done, next_moves

S = Standing


def named(prefix: str, *states: Standing) -> list[tuple[str, Standing]]:
    return [(f"{prefix}{i}", state) for i, state in enumerate(states)]


@pytest.mark.parametrize(
    ("old", "new", "surge", "unavailable", "moves"),
    [
        ((S.SERVING,) * 3, (S.ABSENT,) * 3, 1, 0, Moves(("n0",), ())),
        ((S.SERVING,) * 3, (S.COMING, S.ABSENT, S.ABSENT), 1, 0, Moves()),
        ((S.SERVING,) * 3, (S.SERVING, S.ABSENT, S.ABSENT), 1, 0, Moves((), ("o0",))),
        ((S.DRAINING, S.SERVING, S.SERVING), (S.SERVING, S.ABSENT, S.ABSENT), 1, 0, Moves()),
        ((S.GONE, S.SERVING, S.SERVING), (S.SERVING, S.ABSENT, S.ABSENT), 1, 0, Moves(("n1",), ())),
        ((S.SERVING,) * 3, (S.ABSENT,) * 3, 0, 1, Moves((), ("o0",))),
        ((S.SERVING,) * 3, (S.ABSENT,) * 3, 1, 1, Moves(("n0",), ())),
        ((S.SICK, S.SERVING, S.SERVING), (S.SERVING, S.ABSENT, S.ABSENT), 1, 0, Moves((), ("o0",))),
        ((S.SERVING,) * 4, (S.ABSENT,) * 2, 0, 0, Moves((), ("o0", "o1"))),
        ((S.SERVING,) * 2, (S.ABSENT,) * 4, 1, 0, Moves(("n0", "n1", "n2"), ())),
    ],
)
def test_moves(
    old: tuple[Standing, ...], new: tuple[Standing, ...], surge: int, unavailable: int, moves: Moves
) -> None:
    assert next_moves(named("o", *old), named("n", *new), surge, unavailable) == moves


@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    surge=st.integers(0, 3),
    unavailable=st.integers(0, 3),
    luck=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_enough_serve_all_the_while_and_it_ends(
    sizes: tuple[int, int], surge: int, unavailable: int, luck: list[bool]
) -> None:
    if surge == unavailable == 0:
        surge = 1
    old, new = dict(named("o", *[S.SERVING] * sizes[0])), dict(named("n", *[S.ABSENT] * sizes[1]))
    chances = iter(luck)
    for _ in range(200):
        if is_done(list(old.items()), list(new.items())):
            return
        moves = next_moves(list(old.items()), list(new.items()), surge, unavailable)
        old |= dict.fromkeys(moves.drain, S.DRAINING)
        new |= dict.fromkeys(moves.create, S.COMING)
        serving = [*old.values(), *new.values()].count(S.SERVING)
        assert serving >= min(sizes) - unavailable
        here = sum(how is not S.GONE for how in old.values()) + sum(how is not S.ABSENT for how in new.values())
        assert here <= max(sizes) + surge
        for name, how in list(old.items()):
            if how is S.DRAINING and next(chances, True):
                old[name] = S.GONE
        for name, how in list(new.items()):
            if how is S.COMING and next(chances, True):
                new[name] = S.SERVING
    raise AssertionError(f"it doesn't end: {old} {new}")
