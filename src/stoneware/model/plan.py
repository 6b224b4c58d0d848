"""A plan: what a deploy would change, said before anything does."""

from __future__ import annotations

from typing import Literal

from stoneware.model.noun import Noun

Action = Literal["create", "replace", "scale", "keep", "remove"]


class GroupChange(Noun):
    """What happens to the machines of one group. `why` has a line for each difference (`image critter-web/1 -> critter-web/2`).

    `how` says in which way new machines take over from old ones; empty where none do.
    """

    group: str
    action: Action
    why: tuple[str, ...] = ()
    how: str = ""
    image: str = ""
    digest: str = ""
    creates: tuple[str, ...] = ()
    retires: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    new_disks: tuple[str, ...] = ()
    moved_disks: tuple[str, ...] = ()


class ServiceChange(Noun):
    """What happens to one traffic entry."""

    service: str
    action: Action
    listen: str
    why: tuple[str, ...] = ()


class Plan(Noun):
    """`release` is the number it would get. `drift` says that what is done about drift changes, which concerns no machine;
    `record` that the release it starts from isn't what is on record, and is made anew.

    `changes` is False when all is as declared already.
    """

    deployment: str
    release: int
    source: int | None
    groups: tuple[GroupChange, ...]
    services: tuple[ServiceChange, ...]
    warnings: tuple[str, ...] = ()
    drift: str = ""
    record: str = ""

    @property
    def changes(self) -> bool:
        groups = any(group.action != "keep" or group.why for group in self.groups)
        return bool(self.drift or self.record) or groups or any(service.action != "keep" for service in self.services)
