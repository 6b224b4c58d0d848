"""What reaches an image: while anything does, nothing may delete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stoneware.decide.lifecycle import newest_active
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Reach
from stoneware.model.machine import Machine, Power


@dataclass(frozen=True)
class Facts:
    """All that can reach an image, as it is at `now`.

    `images` are all that aren't deleted, `machines` those of every engine. `pins` has the retained releases
    (`town#3`) and `mentions` the unfinished operations by digest, `bakes` the unfinished bake by family.
    """

    now: float
    images: Sequence[Image]
    machines: Sequence[Machine] = ()
    pins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mentions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bakes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def families(self) -> dict[str, list[Image]]:
        """The images of each family."""
        found: dict[str, list[Image]] = {}
        for image in self.images:
            found.setdefault(image.family, []).append(image)
        return found

    @cached_property
    def resolved(self) -> set[str]:
        """The digests that families resolve to."""
        newest = [newest_active(images, self.now) for images in self.families.values()]
        return {image.digest for image in newest if image is not None}


def why_kept(image: Image, facts: Facts) -> tuple[Reach, ...]:
    """Each thing that reaches an image. Empty: nothing does."""
    return (*_machines(image, facts), *_releases(image, facts), *_operations(image, facts), *_family(image, facts))


def reachable(facts: Facts) -> set[str]:
    """The digests of all images that something reaches."""
    return {image.digest for image in facts.images if why_kept(image, facts)}


def _machines(image: Image, facts: Facts) -> list[Reach]:
    return [
        Reach(
            kind="machine",
            by=machine.name,
            text=f"machine {machine.name} {'runs' if machine.power is Power.RUNNING else 'is stopped, and keeps'} it",
        )
        for machine in facts.machines
        if machine.digest == image.digest
    ]


def _releases(image: Image, facts: Facts) -> list[Reach]:
    return [
        Reach(kind="release", by=name, text=f"release {name} is retained, and pins it")
        for name in facts.pins.get(image.digest, ())
    ]


def _operations(image: Image, facts: Facts) -> list[Reach]:
    """A bake reaches every staged image of its family: it may be about to test one that it has just sealed."""
    under_way = list(facts.mentions.get(image.digest, ()))
    bake = facts.bakes.get(image.family)
    if image.state is ImageState.STAGED and bake is not None and bake not in under_way:
        under_way.append(bake)
    return [Reach(kind="operation", by=one, text=f"{one} is under way, and needs it") for one in under_way]


def _family(image: Image, facts: Facts) -> list[Reach]:
    if image.digest not in facts.resolved:
        return []
    return [Reach(kind="family", by=image.family, text=f"family {image.family} resolves to it")]
