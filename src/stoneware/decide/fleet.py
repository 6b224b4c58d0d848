"""From a release to what must exist: machines, disks and pools, all by name.

Nothing here looks at the world; two calls with the same release give the same names, so a repeated step meets its own work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from stoneware.model.deployment import DeploymentSpec, group_ports
from stoneware.model.image import Image
from stoneware.model.machine import DiskMount, WantedDisk, WantedMachine
from stoneware.model.release import PinnedGroup, Release, content_of
from stoneware.names import baseline_name, disk_name, fleet_name, machine_name


def pin(
    spec: DeploymentSpec,
    images: Mapping[str, Image],
    number: int,
    retained: Sequence[Release],
    newest: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, PinnedGroup]:
    """Every group with its image's digest, the versions of its secrets, and its fleet.

    `images` has the image that each group gets, and `newest` the newest version of each secret (`db-password` to
    `db-password/3`). A group whose content equals that of a retained release
    keeps that fleet, so its machines, warm or serving, are used again.
    """
    known = {
        (group, content_of(old.spec, old.digest, group_ports(release.spec, group), old.secrets)): old.fleet
        for release in retained
        for group, old in release.groups.items()
    }
    pinned = {}
    for name, group in spec.groups.items():
        image = images[name]
        secrets = {variable: newest[secret] for variable, secret in group.secrets.items()}
        content = content_of(group, image.digest, group_ports(spec, name), secrets)
        fleet = known.get((name, content), number)
        pinned[name] = PinnedGroup(image=image.name, digest=image.digest, fleet=fleet, spec=group, secrets=secrets)
    return pinned


def machine_names(release: Release, group: str) -> tuple[str, ...]:
    """The machines of a group in this release, by place."""
    pinned = release.groups[group]
    return tuple(machine_name(release.deployment, group, pinned.fleet, i) for i in range(pinned.spec.size))


def wanted_machines(release: Release, group: str) -> tuple[WantedMachine, ...]:
    """What each machine of a group is made from."""
    pinned = release.groups[group]
    spec = pinned.spec
    return tuple(
        WantedMachine(
            name=name,
            owner=release.deployment,
            group=group,
            fleet=pinned.fleet,
            index=index,
            digest=pinned.digest,
            cpus=spec.machine.cpus,
            memory_bytes=spec.machine.memory,
            ports=group_ports(release.spec, group),
            config=spec.config,
            secrets=pinned.secrets,
            disks=tuple(
                DiskMount(disk=disk_name(release.deployment, group, disk, index), mount=d.mount)
                for disk, d in sorted(spec.disks.items())
            ),
        )
        for index, name in enumerate(machine_names(release, group))
    )


def baseline_machine(source: Release, target: Release, group: str) -> WantedMachine:
    """One more machine of the old version, made now: a canary is compared with it rather than with machines that are warm."""
    like = wanted_machines(source, group)[0]
    name = baseline_name(fleet_name(source.deployment, group, like.fleet), target.number)
    return like.model_copy(update={"name": name, "index": source.groups[group].spec.size})


def wanted_disks(release: Release, group: str) -> tuple[WantedDisk, ...]:
    """The persistent disks of a group, one of each a place."""
    spec = release.groups[group].spec
    return tuple(
        WantedDisk(
            name=disk_name(release.deployment, group, disk, index), owner=release.deployment, size_bytes=declared.size
        )
        for index in range(spec.size)
        for disk, declared in sorted(spec.disks.items())
    )


def hands_over(source: Release | None, target: Release, group: str) -> bool:
    """Whether disks of this group must move from machines of `source` to other machines of `target`."""
    if source is None or group not in source.groups:
        return False
    old, new = source.groups[group], target.groups[group]
    return old.fleet != new.fleet and bool(set(old.spec.disks) & set(new.spec.disks))


def holds(source: Release | None, target: Release, group: str) -> bool:
    """Whether requests to this group wait on the way: its disks move, or its old machines stop before the new ones start."""
    if source is None or group not in source.groups:
        return False
    new = target.groups[group]
    recreated = source.groups[group].fleet != new.fleet and new.spec.rollout.strategy == "recreate"
    return recreated or hands_over(source, target, group)


def pool_label(release: Release, service: str) -> str:
    """The name of the pool that a release puts behind a service.

    It starts with the fleet's name and ends in a mark of all that the proxy must treat as another pool: how many
    machines, which port, which check. So a changed size goes through the same atomic switch as a changed image.
    """
    entry = release.spec.services[service]
    pinned = release.groups[entry.group]
    facts = [pinned.spec.size, entry.port, pinned.spec.health.model_dump(mode="json")]
    mark = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:6]
    return f"{fleet_name(release.deployment, entry.group, pinned.fleet)}-{mark}"
