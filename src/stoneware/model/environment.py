"""Environments: which one a release belongs to, and what is declared over a deployment for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoneware.model.deployment import DeploymentSpec, DiskSpec, GroupSpec, ServiceSpec
from stoneware.model.noun import Noun
from stoneware.model.partly import partly

FIXED: dict[type[Noun], tuple[str, ...]] = {
    DeploymentSpec: ("engine",),
    GroupSpec: ("image",),
    DiskSpec: ("mount",),
    ServiceSpec: ("group", "port"),
}
"""What is the same in every environment: otherwise one would prove nothing about the next."""

if TYPE_CHECKING:
    DeploymentOverride = Noun
else:
    DeploymentOverride = partly(
        DeploymentSpec,
        "What an environment says over a declared deployment: mappings are merged by key, values and lists take the place of "
        "those below. Groups, services and disks are those of the deployment; images, engine, mounts and ports of machines are "
        "the same everywhere.",
        FIXED,
    )


class Environment(Noun):
    """Where a release belongs: the environment's name, and the declared deployment behind it.

    `after` is the environment that its images have to come from; empty where they may come from anywhere. `promotion` brought
    them (`promotion-3`); empty when a deploy did.
    """

    name: str
    deployment: str
    after: str = ""
    promotion: str = ""
