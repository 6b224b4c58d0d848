"""Does it fit, and whose turn is it? Memory is refused before anything starts; boots wait for each other in a fair queue.

At plan time what counts is what deployments are declared to have; at the moment of a boot, what the engine really runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stoneware.decide.ageing import by_turns
from stoneware.model.finding import Capacity
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.quantity import format_rough
from stoneware.model.release import PinnedGroup, Release

PLACE_S = 120.0
"""A boot that takes longer than this keeps nobody else waiting (seconds)."""
MOST_NAMED = 4


def lasting_bytes(release: Release) -> int:
    """The memory of a release's machines when nothing is under way."""
    return sum(_bytes(group) for group in release.groups.values())


def peak_bytes(
    source: Release | None,
    target: Release,
    strategy: str | None = None,
    *,
    direct: bool = False,
    renewal: bool = False,
) -> int:
    """The most memory that is needed on the way from `source` to `target`: old machines stay until the new ones are proven.

    `strategy` asks what another one would need in the place of those that are declared; `direct` is for a rollback, which goes
    neither by turns nor by steps; in a `renewal` machines take turns where they can.
    """
    before = source.groups if source else {}
    going = sum(_bytes(old) for name, old in before.items() if name not in target.groups)
    return going + sum(
        _peak_of(before.get(name), new, "rolling" if renewal and by_turns(new.spec) else strategy, direct=direct)
        for name, new in target.groups.items()
    )


def _peak_of(old: PinnedGroup | None, new: PinnedGroup, strategy: str | None, *, direct: bool) -> int:
    if old is None:
        return _bytes(new)
    larger = max(_bytes(old), _bytes(new))
    if old.fleet == new.fleet:
        return larger
    declared, beside = new.spec.rollout, _bytes(old) + _bytes(new)
    shadow = new.spec.machine.memory if declared.rehearse and set(old.spec.disks) & set(new.spec.disks) else 0
    larger, beside = larger + shadow, beside + shadow
    match strategy or str(declared.strategy):
        case "recreate":
            return larger
        case "rolling" if not direct:
            surge = 1 if declared.surge is None else declared.surge
            return larger + surge * new.spec.machine.memory
        case "canary" if declared.baseline and not direct:
            return beside + old.spec.machine.memory
        case _:
            return beside


def _bytes(group: PinnedGroup) -> int:
    return group.spec.size * group.spec.machine.memory


def why_too_large(
    source: Release | None,
    target: Release,
    others: Mapping[str, int],
    memory_bytes: int | None,
    *,
    direct: bool = False,
    renewal: bool = False,
) -> tuple[str, str] | None:
    """What is wrong and what would help, when the way to `target` needs more memory than there is; None when it fits, and when it
    needs no more than what runs already.

    `others` is what each other deployment is declared to have (bytes). `direct`: the way is a rollback; `renewal`: it only makes
    machines anew.
    """
    need, taken = peak_bytes(source, target, direct=direct, renewal=renewal), sum(others.values())
    if memory_bytes is None or need + taken <= memory_bytes or (source and need <= lasting_bytes(source)):
        return None
    free = max(0, memory_bytes - taken)
    lasting = lasting_bytes(target)
    beside = (
        "" if format_rough(need) == format_rough(lasting) else f" at its peak ({format_rough(lasting)} when it is done)"
    )
    holders = sorted(others.items(), key=lambda one: (-one[1], one[0]))
    named = [f"{name} has {format_rough(size)}" for name, size in holders[:MOST_NAMED] if size]
    rest = sum(size for _, size in holders[MOST_NAMED:])
    named += [f"others have {format_rough(rest)}"] if rest else []
    held = f": {', '.join(named)}" if named else ""
    why = (
        f"release {target.number} of {target.deployment} needs {format_rough(need)} of memory{beside}, and "
        f"{format_rough(free)} of {format_rough(memory_bytes)} is free{held}"
    )
    return why, "; ".join(_remedies(source, target, need, free, direct=direct))


def _remedies(source: Release | None, target: Release, need: int, free: int, *, direct: bool) -> list[str]:
    """What would make it fit; smaller machines always would. A rollback goes directly: another strategy takes a deploy."""
    how = "a deploy of the same images with strategy" if direct else "strategy"
    less = [
        f"{how} {strategy} would need {format_rough(less)}"
        for strategy in ("rolling", "recreate")
        if (less := peak_bytes(source, target, strategy)) < need and less <= free and not _has_disks(target, strategy)
    ]
    return [*less, f"declare fewer or smaller machines, {format_rough(need - free)} less in all"]


def _has_disks(target: Release, strategy: str) -> bool:
    """A disk has one writer, so its group can't be rolled machine by machine beside the old one."""
    return strategy == "rolling" and any(group.spec.disks for group in target.groups.values())


@dataclass(frozen=True)
class Waiter:
    """A deployment that has `wanted` machines to boot, each of `memory_bytes`; since when it has had no place of its own."""

    deployment: str
    wanted: int
    memory_bytes: int
    since: float


@dataclass(frozen=True)
class Turn:
    """How many of its machines a deployment may boot now. `because` says what the others wait for: a place, or `for_memory`."""

    admitted: int
    because: str = ""
    for_memory: bool = False


def booting(machines: Sequence[Machine], now: float) -> Counter[str]:
    """How many places each owner has: its machines that boot, unless they have done so for too long."""
    return Counter(
        machine.owner
        for machine in machines
        if machine.power is Power.RUNNING
        and machine.phase is Phase.BOOTING
        and (machine.started_at is None or now - machine.started_at < PLACE_S)
    )


def deal(capacity: Capacity, machines: Sequence[Machine], waiters: Sequence[Waiter], now: float) -> Counter[str]:
    """The free places, dealt out one by one: to whom has fewest, then to whom has waited longest.

    It depends on nothing but the picture, so that all who look at the same one agree, without a lock.
    """
    has, dealt = booting(machines, now), Counter[str]()
    free = None if capacity.boots is None else max(0, capacity.boots - has.total())
    memory = _free_memory(capacity, machines)
    left = {waiter.deployment: waiter for waiter in waiters if waiter.wanted > 0}
    while left and (free is None or dealt.total() < free):
        fitting = [w for w in left.values() if memory is None or w.memory_bytes <= memory]
        if not fitting:
            break
        next_one = min(fitting, key=lambda w: (has[w.deployment] + dealt[w.deployment], w.since, w.deployment))
        dealt[next_one.deployment] += 1
        memory = None if memory is None else memory - next_one.memory_bytes
        left[next_one.deployment] = replace(next_one, wanted=next_one.wanted - 1)
        if left[next_one.deployment].wanted == 0:
            del left[next_one.deployment]
    return dealt


def turn_of(me: Waiter, capacity: Capacity, machines: Sequence[Machine], others: Sequence[Waiter], now: float) -> Turn:
    """What `me` may boot now, beside others that wait as well."""
    admitted = deal(capacity, machines, [me, *others], now)[me.deployment]
    waiting = me.wanted - admitted
    if not waiting:
        return Turn(admitted)
    memory = _free_memory(capacity, machines)
    left = None if memory is None else memory - admitted * me.memory_bytes
    if left is not None and left < me.memory_bytes:
        who = _holders(_memory_of(machines))
        because = (
            f"machines wait for memory; {waiting} of {format_rough(me.memory_bytes)} each, and {format_rough(max(0, left))} "
            f"of {format_rough(capacity.memory_bytes or 0)} is free{who}"
        )
        return Turn(admitted, because, for_memory=True)
    has = booting(machines, now)
    taken = min(capacity.boots or 0, has.total() + admitted)
    names = ", ".join(f"{owner} {count}" for owner, count in sorted(has.items()))
    taken_by = f" ({names})" if names else ""
    ahead = sum(other.wanted for other in others)
    behind = f", and {ahead} of other deployments wait, too" if ahead else ""
    because = f"machines wait to boot; {waiting} wait: {taken} of {capacity.boots} places are taken{taken_by}{behind}"
    return Turn(admitted, because)


def too_little(capacity: Capacity, machines: Sequence[Machine], more_bytes: int) -> bool:
    """Whether so much more memory isn't free now."""
    free = _free_memory(capacity, machines)
    return free is not None and more_bytes > max(0, free)


def _memory_of(machines: Sequence[Machine]) -> Counter[str]:
    used = Counter[str]()
    for machine in machines:
        if machine.power is Power.RUNNING:
            used[machine.owner] += machine.memory_bytes
    return used


def _free_memory(capacity: Capacity, machines: Sequence[Machine]) -> int | None:
    return None if capacity.memory_bytes is None else capacity.memory_bytes - _memory_of(machines).total()


def _holders(used: Counter[str]) -> str:
    named = [f"{owner} has {format_rough(size)}" for owner, size in used.most_common(MOST_NAMED) if size]
    return f": {', '.join(named)}" if named else ""
