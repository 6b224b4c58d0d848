"""A release: the numbered, immutable manifest of a deployment, with digests instead of families."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from stoneware.model.deployment import DeploymentSpec, GroupSpec
from stoneware.model.noun import Noun


class ReleaseState(StrEnum):
    """NEW until its rollout ended once; GOOD after a rollout to it succeeded; BAD after one was reverted or failed,
    or when a rollback led away from it."""

    NEW = "NEW"
    GOOD = "GOOD"
    BAD = "BAD"


class PinnedGroup(Noun):
    """A group with its image resolved. `fleet` is the number of the release that first had exactly this content:
    groups that didn't change keep their fleet, so their machines stay."""

    image: str
    digest: str
    fleet: int
    spec: GroupSpec


class Release(Noun):
    """`groups` are pinned; `spec` is the declaration that it came from."""

    deployment: str
    number: int
    created_at: float
    actor: str
    reason: str = ""
    state: ReleaseState = ReleaseState.NEW
    spec: DeploymentSpec
    groups: dict[str, PinnedGroup]


def content_of(group: GroupSpec, digest: str, ports: tuple[int, ...]) -> str:
    """The fingerprint of all that a machine is made of. Two groups with the same one can share machines.

    Size, health and rollout settings are left out: they change how many there are and how they are judged, not what they are.
    """
    spec = group.model_dump(mode="json", include={"machine", "config", "disks"})
    whole = {"digest": digest, "ports": list(ports), **spec}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


class DeploymentRecord(Noun):
    """A deployment as the store knows it. `current` is None before its first success, and after it was destroyed."""

    name: str
    current: int | None
    created_at: float
