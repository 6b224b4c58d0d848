"""Which images were made from which: what is wrong with an image is wrong with all that stands on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stoneware.names import image_name

SHORTEST_PREFIX = 8
"""Digits of a digest below which a name is nobody's."""


@dataclass(frozen=True)
class Origin:
    """What the catalog knows of where an image came from. `bases` are the images that it was made from: a digest, or where that
    isn't known the name that its recipe gives it: `FAMILY/N`, `FAMILY@hex`, or something that is no image of ours."""

    digest: str
    family: str
    number: int | None
    bases: tuple[str, ...]


def parents_of(known: Sequence[Origin]) -> dict[str, set[str]]:
    """The digests that each image was made from, by its own digest. Bases that are no known image are left out."""
    by_name = {origin.digest: origin.digest for origin in known}
    by_name |= {image_name(one.family, one.number): one.digest for one in known if one.number is not None}
    short = [(one.family, one.digest.removeprefix("sha256:"), one.digest) for one in known]
    parents: dict[str, set[str]] = {}
    for origin in known:
        found = {by_name[base] for base in origin.bases if base in by_name}
        for base in origin.bases:
            family, at, prefix = base.partition("@")
            hexadecimal = prefix.removeprefix("sha256:")
            if at and len(hexadecimal) >= SHORTEST_PREFIX:
                found |= {digest for name, hexes, digest in short if name == family and hexes.startswith(hexadecimal)}
        parents[origin.digest] = found - {origin.digest}
    return parents


def descendants(root: str, parents: Mapping[str, Collection[str]]) -> list[str]:
    """Every image that was made from `root`, or from one that was: in order of their distance from it, without `root`."""
    found: list[str] = []
    generation = {root}
    while generation:
        generation = {
            child
            for child, bases in parents.items()
            if child != root and child not in found and not generation.isdisjoint(bases)
        }
        found += sorted(generation)
    return found
