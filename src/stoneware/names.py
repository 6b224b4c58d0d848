"""Names are chosen by us and derived from what they name, so that a repeated call meets the same thing again."""

from __future__ import annotations

import hashlib
import re

NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
"""A family, deployment, group, disk or service: lower case, digits and dashes, at most 40 characters."""

IMAGE_NAME = re.compile(r"^(?P<family>[a-z][a-z0-9-]{0,39})/(?P<number>[1-9][0-9]*)$")


def image_name(family: str, number: int) -> str:
    """`critter-web/2`."""
    return f"{family}/{number}"


def split_image_name(name: str) -> tuple[str, int] | None:
    """The family and number of `critter-web/2`; None when it is no image name."""
    match = IMAGE_NAME.fullmatch(name)
    return (match["family"], int(match["number"])) if match else None


def secret_version(secret: str, version: int) -> str:
    """`db-password/3`."""
    return f"{secret}/{version}"


def split_secret_version(reference: str) -> tuple[str, int] | None:
    """The name and version of `db-password/3`; None when it is no such reference."""
    return split_image_name(reference)  # both are a name, a slash and a number that counts up


def fleet_name(deployment: str, group: str, fleet: int) -> str:
    """All machines of a group that were made from the same content: `critter-junction-web-r3`."""
    return f"{deployment}-{group}-r{fleet}"


def machine_name(deployment: str, group: str, fleet: int, index: int) -> str:
    """`critter-junction-web-r3-0`."""
    return f"{fleet_name(deployment, group, fleet)}-{index}"


def baseline_name(fleet: str, release: int) -> str:
    """One more machine of a fleet, to compare a release's canary with: `critter-junction-web-r3-base-4`."""
    return f"{fleet}-base-{release}"


def is_baseline(machine: str) -> bool:
    """Whether a machine's name is a baseline's: all others end with fleet and place."""
    return re.search(r"-r[0-9]+-base-[0-9]+$", machine) is not None


def disk_name(deployment: str, group: str, disk: str, index: int) -> str:
    """A disk belongs to a place in the group, not to a release: `critter-junction-web-worlds-0`."""
    return f"{deployment}-{group}-{disk}-{index}"


def service_key(deployment: str, service: str) -> str:
    """The name of a traffic entry in a proxy: `critter-junction.play`."""
    return f"{deployment}.{service}"


def disk_serial(disk: str) -> str:
    """What a guest sees as the serial number of a disk: 16 hex digits (virtio allows 20 characters)."""
    return hashlib.sha256(disk.encode()).hexdigest()[:16]


def snapshot_name(disk: str, operation: str) -> str:
    """The snapshot that an operation takes of a disk: `critter-junction-web-worlds-0-rollout-7`."""
    return f"{disk}-{operation}"


def shadow_owner(deployment: str) -> str:
    """Who owns the shadow on which a way back is rehearsed: no deployment can have this name."""
    return f"{deployment}.shadow"


def rehearsal_owner(deployment: str) -> str:
    """Who owns what a rehearsal makes: no deployment can have this name."""
    return f"{deployment}.rehearsal"


def environment_deployment(deployment: str, environment: str) -> str:
    """What a declared deployment is called in an environment: `critter-junction-staging`."""
    return f"{deployment}-{environment}"
