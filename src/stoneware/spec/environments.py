"""Environments over declared deployments: each comes out as an ordinary deployment of its own, `DEPLOYMENT-ENVIRONMENT`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stoneware.model.deployment import DeploymentSpec
from stoneware.model.document import Document
from stoneware.model.environment import Environment
from stoneware.model.noun import Noun
from stoneware.model.promotion_spec import PromotionSpec
from stoneware.names import environment_deployment

Place = tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """Something that can be deployed: its whole declaration, the environment that it belongs to, and that one's gates."""

    spec: DeploymentSpec
    environment: Environment | None = None
    gates: PromotionSpec | None = None


def targets(document: Document) -> dict[str, Target]:
    """Everything that a checked document declares for deploying, by name: deployments of no environment, and those of each."""
    found = {name: Target(spec) for name, spec in document.deployments.items() if not environments_of(document, name)}
    for environment, deployments in document.environments.items():
        gates = document.promotions.get(environment)
        for name, override in deployments.items():
            belongs = Environment(name=environment, deployment=name, after=gates.after if gates else "")
            spec = merged(document.deployments[name], override)
            found[environment_deployment(name, environment)] = Target(spec, belongs, gates)
    return found


def environments_of(document: Document, deployment: str) -> tuple[str, ...]:
    """The environments that a declared deployment is in."""
    return tuple(name for name, deployments in document.environments.items() if deployment in deployments)


def merged(base: DeploymentSpec, override: Noun) -> DeploymentSpec:
    """The declaration of an environment. Raises ValidationError where the two don't fit together."""
    below = base.model_dump(mode="json", exclude_unset=True)
    return DeploymentSpec.model_validate(_over(below, override.model_dump(mode="json", exclude_unset=True)))


def sound_targets(document: Document) -> Iterator[tuple[Place, str, DeploymentSpec]]:
    """Everything for deploying that can be put together, with its place: also of a document that isn't right as a whole."""
    for name, spec in document.deployments.items():
        if not environments_of(document, name):
            yield ("deployments", name), name, spec
    for environment, deployments in document.environments.items():
        for name, override in deployments.items():
            if name in document.deployments and not unknown_names(document.deployments[name], override):
                with contextlib.suppress(ValidationError):
                    spec = merged(document.deployments[name], override)
                    yield ("environments", environment, name), environment_deployment(name, environment), spec


def unknown_names(base: DeploymentSpec, override: Noun) -> list[tuple[Place, list[str]]]:
    """Groups, services and disks of an override that the deployment hasn't, each with those that it has."""
    over = override.model_dump(mode="json", exclude_unset=True)
    pairs: list[tuple[Place, Any, Any]] = [(("groups",), base.groups, over.get("groups", {}))]
    pairs += [(("services",), base.services, over.get("services", {}))]
    pairs += [
        (("groups", name, "disks"), base.groups[name].disks, group.get("disks", {}))
        for name, group in over.get("groups", {}).items()
        if name in base.groups
    ]
    return [((*place, name), [*known]) for place, known, given in pairs for name in given if name not in known]


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Mappings key by key; everything else takes the place of what is below."""
    both = dict(below)
    for key, value in above.items():
        inner = both.get(key)
        both[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return both
