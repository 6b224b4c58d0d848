"""Which layers are sealed together: few groups, large layers alone, and a change at the top moves nothing below."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stoneware.bake.groups import MOST, SMALL_BYTES, group_layers

MIB = 2**20
sizes = st.lists(st.integers(0, 40 * MIB), min_size=1, max_size=30)


@given(sizes)
def test_every_layer_is_in_one_group_in_order(given_sizes: list[int]) -> None:
    groups = group_layers(given_sizes)
    assert [number for first, end in groups for number in range(first, end)] == list(range(len(given_sizes)))
    assert len(groups) <= MOST


@given(sizes, st.integers(0, 40 * MIB))
def test_a_step_that_is_added_leaves_all_but_the_top_or_the_lowest_as_they_are(
    given_sizes: list[int], more: int
) -> None:
    before, after = set(group_layers(given_sizes)), set(group_layers([*given_sizes, more]))
    assert len(before - after) <= 2


def test_small_steps_share_a_group_and_large_ones_have_their_own() -> None:
    assert group_layers([150 * MIB, 130 * MIB, 9, 9, 9]) == [(0, 1), (1, 2), (2, 5)]
    assert group_layers([150 * MIB, 9, 10 * MIB, 9]) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert group_layers([SMALL_BYTES // 2, SMALL_BYTES // 2, 1]) == [(0, 2), (2, 3)]


def test_when_there_are_too_many_the_lowest_are_joined() -> None:
    assert group_layers([9 * MIB] * (MOST + 3))[0] == (0, 4)
