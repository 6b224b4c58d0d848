"""What would change between what runs and what is declared: two releases in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoneware.decide.fleet import hands_over, holds, machine_names, pool_label, wanted_disks
from stoneware.model.deployment import RolloutSpec, group_ports
from stoneware.model.machine import Disk
from stoneware.model.plan import Action, GroupChange, Plan, ServiceChange
from stoneware.model.quantity import format_size, format_time
from stoneware.model.release import PinnedGroup, Release
from stoneware.names import disk_name, fleet_name

LONGEST_VALUE = 60


def plan_release(source: Release | None, target: Release) -> Plan:
    """The plan that leads from `source` (None: nothing runs) to `target`."""
    groups = [_group_change(source, target, name) for name in target.groups]
    services = [_service_change(source, target, name) for name in target.spec.services]
    if source is not None:
        groups += [_removed_group(source, name) for name in source.groups if name not in target.groups]
        services += [
            ServiceChange(service=name, action="remove", listen=entry.listen, why=("no longer declared",))
            for name, entry in source.spec.services.items()
            if name not in target.spec.services
        ]
    return Plan(
        deployment=target.deployment,
        release=target.number,
        source=source.number if source else None,
        groups=tuple(groups),
        services=tuple(services),
        warnings=tuple(f"disk {disk} stays, without a machine" for disk in _idle_disks(source, target)),
        drift="what is done about drift" if source and source.spec.drift != target.spec.drift else "",
    )


def _idle_disks(source: Release | None, target: Release) -> list[str]:
    """Disks of places that `target` no longer has."""
    if source is None:
        return []
    kept = {disk.name for group in target.groups for disk in wanted_disks(target, group)}
    return [disk.name for group in source.groups for disk in wanted_disks(source, group) if disk.name not in kept]


def moved_sessions(source: Release | None, target: Release) -> tuple[str, ...]:
    """Services that declare `sticky`, where a deploy can leave nobody on the old version nevertheless: a sentence for each."""
    found = []
    for name, entry in target.spec.services.items() if source else ():
        old, new = source.groups.get(entry.group) if source else None, target.groups[entry.group]
        if not entry.sticky or old is None or old.fleet == new.fleet:
            continue
        if holds(source, target, entry.group):
            found.append(
                f"service {name}: all clients move at the switch, for the old machines of {entry.group} stop serving"
            )
        elif new.spec.rollout.strategy == "rolling":
            found.append(
                f"service {name}: clients move as machines of {entry.group} take turns; sticky keeps nobody there"
            )
    return tuple(found)


def dropped_disks(source: Release | None, target: Release) -> tuple[str, ...]:
    """Disks that `source` declares and `target` doesn't. They would lose their machine, so such a plan is refused."""
    if source is None:
        return ()
    return tuple(
        f"{group}.{disk}"
        for group, old in source.groups.items()
        for disk in old.spec.disks
        if group not in target.groups or disk not in target.groups[group].spec.disks
    )


def taken_addresses(target: Release, source: Release | None, others: Sequence[Release]) -> tuple[str, ...]:
    """Addresses that `target` declares and another service has, as sentences.

    A service of the same deployment counts, too, unless it is the same one: it goes only when the new one serves.
    """
    mine = {entry.listen for entry in target.spec.services.values()}
    taken = {
        entry.listen: f"{release.deployment}.{name}"
        for release in others
        for name, entry in release.spec.services.items()
        if entry.listen in mine
    }
    before = source.spec.services if source else {}
    taken |= {entry.listen: f"{target.deployment}.{name}" for name, entry in before.items()}
    return tuple(
        f"{entry.listen} of service {name} belongs to {holder}"
        for name, entry in target.spec.services.items()
        if (holder := taken.get(entry.listen, "")) not in ("", f"{target.deployment}.{name}")
    )


def taken_names(target: Release, others: Sequence[Release]) -> tuple[str, ...]:
    """Machine and disk names that `target` would make and another deployment has, as sentences.

    Names are joined with dashes: group `c` of `a-b` and group `b-c` of `a` come to the same. So they can do only where one
    deployment's name begins with the other's.
    """
    mine = f"{target.deployment}-"
    taken = {
        made: f"{release.deployment}.{group}"
        for release in others
        if mine.startswith(theirs := f"{release.deployment}-") or theirs.startswith(mine)
        for group in release.groups
        for made in _names_made(release, group)
    }
    return tuple(
        f"group {group} would have the names of {holder}"
        for group in target.groups
        for holder in sorted({taken[made] for made in _names_made(target, group) if made in taken})
    )


def _names_made(release: Release, group: str) -> list[str]:
    """What names are told apart by: the stem of a group's machines, whichever release made them, and of its disks. Behind the
    stem stands a place in the group, and every group has a first one."""
    disks = release.groups[group].spec.disks
    return [
        fleet_name(release.deployment, group, 0),
        *(disk_name(release.deployment, group, disk, 0) for disk in disks),
    ]


def mixed_checks(source: Release | None, target: Release) -> tuple[str, ...]:
    """Groups that would be replaced by turns while their health check changes: in one pool, the proxy has one check."""
    before = source.groups if source else {}
    return tuple(
        name
        for name, new in target.groups.items()
        if name in before
        and new.spec.rollout.strategy == "rolling"
        and new.fleet != before[name].fleet
        and new.spec.health != before[name].spec.health
    )


def resized_disks(target: Release, disks: Sequence[Disk]) -> tuple[str, ...]:
    """Disks that exist with another size than `target` declares, as sentences."""
    sizes = {disk.name: disk.size_bytes for disk in disks}
    return tuple(
        f"{wanted.name} has {format_size(sizes[wanted.name])}, not {format_size(wanted.size_bytes)}"
        for group in target.groups
        for wanted in wanted_disks(target, group)
        if sizes.get(wanted.name, wanted.size_bytes) != wanted.size_bytes
    )


def _group_change(source: Release | None, target: Release, name: str) -> GroupChange:
    new = target.groups[name]
    old = source.groups.get(name) if source else None
    wanted = machine_names(target, name)
    had = machine_names(source, name) if source and old else ()
    had_disks = {d.name for d in wanted_disks(source, name)} if source and old else set()
    disks = [d.name for d in wanted_disks(target, name)]
    before, after = set(had), set(wanted)
    return GroupChange(
        group=name,
        action=_action(old, new),
        why=(*differences(old, new), *_port_differences(source, target, name)) if source and old else ("new group",),
        how=_way(new.spec.rollout) if old and old.fleet != new.fleet else "",
        image=new.image,
        digest=new.digest,
        creates=tuple(m for m in wanted if m not in before),
        retires=tuple(m for m in had if m not in after),
        keeps=tuple(m for m in wanted if m in before),
        new_disks=tuple(d for d in disks if d not in had_disks),
        moved_disks=tuple(d for d in disks if d in had_disks) if hands_over(source, target, name) else (),
    )


def _way(rollout: RolloutSpec) -> str:
    """A strategy in words."""
    if rollout.strategy == "canary":
        steps = ", ".join(f"{step.share} % for {format_time(step.duration)}" for step in rollout.canary_steps)
        return f"canary: {steps}, then all"
    if rollout.strategy == "rolling":
        surge = 1 if rollout.surge is None else rollout.surge
        return f"rolling: at most {surge} more and {rollout.unavailable} fewer than declared"
    if rollout.strategy == "recreate":
        return "recreate: the old machines stop first, requests wait"
    return "blue_green: all new machines beside the old ones, then one switch"


def directly(plan: Plan) -> Plan:
    """The same plan as a way back, which is never by steps or turns."""
    how = {"how": "directly: the whole old fleet, then one switch"}
    groups = [
        group.model_copy(update=how) if group.how.startswith(("canary", "rolling")) else group for group in plan.groups
    ]
    return plan.model_copy(update={"groups": tuple(groups)})


def _port_differences(source: Release, target: Release, name: str) -> list[str]:
    """Ports are given to a machine when it is made, so another service or probe may ask for another machine."""
    before, after = group_ports(source.spec, name), group_ports(target.spec, name)
    return [] if before == after else [f"ports {_listed(before)} -> {_listed(after)}"]


def _listed(ports: tuple[int, ...]) -> str:
    return ", ".join(str(port) for port in ports)


def _action(old: PinnedGroup | None, new: PinnedGroup) -> Action:
    if old is None:
        return "create"
    if old.fleet != new.fleet:
        return "replace"
    return "scale" if old.spec.size != new.spec.size else "keep"


def _removed_group(source: Release, name: str) -> GroupChange:
    old = source.groups[name]
    return GroupChange(
        group=name,
        action="remove",
        why=("no longer declared",),
        image=old.image,
        digest=old.digest,
        retires=machine_names(source, name),
    )


def _service_change(source: Release | None, target: Release, name: str) -> ServiceChange:
    entry = target.spec.services[name]
    if source is None or name not in source.spec.services:
        return ServiceChange(service=name, action="create", listen=entry.listen, why=("new service",))
    before = source.spec.services[name]
    why = [
        f"{field} {getattr(before, field)} -> {getattr(entry, field)}"
        for field in ("listen", "group", "port")
        if getattr(before, field) != getattr(entry, field)
    ]
    switches = pool_label(source, name) != pool_label(target, name)
    if switches and not why:
        why = ["traffic moves to the new machines"]
    return ServiceChange(service=name, action="replace" if why else "keep", listen=entry.listen, why=tuple(why))


def _short(value: str | None) -> str:
    """A value for a line that people read."""
    if value is None:
        return "(none)"
    return repr(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…")


def _span(seconds: float | None) -> str:
    return "(none)" if seconds is None else format_time(seconds)


def differences(old: PinnedGroup, new: PinnedGroup) -> tuple[str, ...]:
    """Each difference between two pinned groups as a line for people."""
    lines = []
    if old.digest != new.digest:
        lines.append(f"image {old.image} -> {new.image}")
    a, b = old.spec, new.spec
    if a.size != b.size:
        lines.append(f"size {a.size} -> {b.size}")
    if a.machine.cpus != b.machine.cpus:
        lines.append(f"cpus {a.machine.cpus} -> {b.machine.cpus}")
    if a.machine.memory != b.machine.memory:
        lines.append(f"memory {format_size(a.machine.memory)} -> {format_size(b.machine.memory)}")
    for key in sorted({*a.config, *b.config}):
        if a.config.get(key) != b.config.get(key):
            lines.append(f"config {key}: {_short(a.config.get(key))} -> {_short(b.config.get(key))}")
    lines += _secret_differences(old.secrets, new.secrets)
    for disk in sorted({*a.disks, *b.disks}):
        if a.disks.get(disk) != b.disks.get(disk):
            lines.append(f"disk {disk} {'changed' if disk in a.disks and disk in b.disks else 'added or dropped'}")
    if a.max_age != b.max_age:
        lines.append(f"max_age {_span(a.max_age)} -> {_span(b.max_age)}")
    if a.health != b.health:
        lines.append("health check changed")
    if a.rollout != b.rollout:
        lines.append("rollout settings changed")
    return tuple(lines)


def _secret_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"secret {key}: {old.get(key, '(none)')} -> {new.get(key, '(none)')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
