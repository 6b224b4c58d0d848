"""When do machines get too old, and what is a release that only makes them anew?"""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.decide.fleet import machine_names
from stoneware.model.deployment import GroupSpec
from stoneware.model.machine import Machine
from stoneware.model.quantity import format_time
from stoneware.model.release import Release, ReleaseState


def too_old(release: Release, machines: Sequence[Machine], now: float) -> tuple[str, ...]:
    """Groups of the current release whose oldest machine is older than their `max_age`."""
    born = {machine.name: machine.created_at for machine in machines}
    return tuple(
        name
        for name, group in release.groups.items()
        if group.spec.max_age is not None
        and any(now - born.get(machine, now) > group.spec.max_age for machine in machine_names(release, name))
    )


def why_renewed(release: Release, groups: Sequence[str]) -> str:
    """`web is older than 30d`, for the record."""
    return ", ".join(f"{name} is older than {format_time(release.groups[name].spec.max_age or 0)}" for name in groups)


def renewed(release: Release, groups: Sequence[str], number: int, now: float, actor: str) -> Release:
    """The same release once more, with a fresh fleet of these groups: the same images, the same declaration."""
    fresh = {name: release.groups[name].model_copy(update={"fleet": number}) for name in groups}
    return release.model_copy(
        update={
            "number": number,
            "created_at": now,
            "actor": actor,
            "reason": why_renewed(release, groups),
            "state": ReleaseState.NEW,
            "groups": {**release.groups, **fresh},
        }
    )


def by_turns(spec: GroupSpec) -> bool:
    """Whether its machines are made anew one after the other, whatever way a new version goes: old and new are the same version,
    so nothing is mixed, and nothing is to be judged in steps. Where a disk moves, or no two may run at once, all go together."""
    return not spec.disks and spec.rollout.strategy != "recreate"


def only_renewed(one: Release, other: Release) -> bool:
    """Whether two releases differ in when their machines were made, and in nothing else."""
    pins = [{name: (group.digest, group.secrets) for name, group in release.groups.items()} for release in (one, other)]
    fleets = [{name: group.fleet for name, group in release.groups.items()} for release in (one, other)]
    return one.spec == other.spec and pins[0] == pins[1] and fleets[0] != fleets[1]
