"""A release: the numbered, immutable manifest of a deployment, with digests instead of families."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from stoneware.model.deployment import DeploymentSpec, GroupSpec
from stoneware.model.environment import Environment
from stoneware.model.noun import Noun
from stoneware.names import split_secret_version


class ReleaseState(StrEnum):
    """NEW until its rollout ended once; GOOD after a rollout to it succeeded; BAD after one was reverted or failed,
    or when a rollback led away from it."""

    NEW = "NEW"
    GOOD = "GOOD"
    BAD = "BAD"


class PinnedGroup(Noun):
    """A group with its image and its secrets resolved: `secrets` maps each variable to a version, such as `db-password/3`.
    `fleet` is the number of the release that first had exactly this content: groups that didn't change keep their fleet, so
    their machines stay."""

    image: str
    digest: str
    fleet: int
    spec: GroupSpec
    secrets: dict[str, str] = {}


class Release(Noun):
    """`groups` are pinned; `spec` is the declaration that it came from. `environment` says where it belongs, if in one."""

    deployment: str
    number: int
    created_at: float
    actor: str
    reason: str = ""
    state: ReleaseState = ReleaseState.NEW
    spec: DeploymentSpec
    groups: dict[str, PinnedGroup]
    environment: Environment | None = None

    @property
    def digests(self) -> dict[str, str]:
        """What each group is made from."""
        return {name: group.digest for name, group in self.groups.items()}

    @property
    def pinned_secrets(self) -> frozenset[tuple[str, int]]:
        """Name and version of every secret that its machines get."""
        references = {reference for group in self.groups.values() for reference in group.secrets.values()}
        return frozenset(found for one in references if (found := split_secret_version(one)))


def content_of(
    group: GroupSpec, digest: str, ports: tuple[int, ...], secrets: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The fingerprint of all that a machine is made of. Two groups with the same one can share machines.

    `secrets` are the pinned versions, so another version is another content. A group without any has the fingerprint that it
    had before there were secrets.
    Size, health and rollout settings are left out: they change how many there are and how they are judged, not what they are.
    """
    spec = group.model_dump(mode="json", include={"machine", "config", "disks"})
    whole = {"digest": digest, "ports": list(ports), **spec, **({"secrets": dict(secrets)} if secrets else {})}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


class DeploymentRecord(Noun):
    """A deployment as the store knows it. `current` is None before its first success, and after it was destroyed."""

    name: str
    current: int | None
    created_at: float
