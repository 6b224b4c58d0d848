"""Which layers of a build are sealed together: few enough for a machine's bus, apart enough that a change rewrites little.

A recipe has a layer for each step. Large ones stay by themselves, so that they are sealed once and shared; runs of small ones are
sealed together, for each sealed layer is a disk of the machine. When there are too many, the lowest are joined: they change least.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL_BYTES = 8 * 2**20
MOST = 6

Group = tuple[int, int]
"""Layers from the first number up to, not including, the second."""


def group_layers(sizes: Sequence[int]) -> list[Group]:
    """Groups of layers, lowest first, for the sizes of their contents in bytes. Depends on the sizes alone."""
    groups: list[tuple[Group, int]] = []
    for number, size in enumerate(sizes):
        if groups and groups[-1][1] + size <= SMALL_BYTES:
            (first, _), before = groups.pop()
            groups.append(((first, number + 1), before + size))
        else:
            groups.append(((number, number + 1), size))
    while len(groups) > MOST:
        ((first, _), a), ((_, end), b) = groups[0], groups[1]
        groups[:2] = [((first, end), a + b)]
    return [group for group, _ in groups]
