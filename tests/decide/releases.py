"""Short ways to a release, for tests of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stoneware.decide.fleet import pin
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.image import Image, ImageState
from stoneware.model.release import Release

DISK = {"data": {"size": "1GiB", "mount": "/srv"}}


def group(image: str = "web", **more: Any) -> dict[str, Any]:
    """A declared group with a probe."""
    return {"image": image, "health": {"http": {"port": 80}}, **more}


def service(of: str = "web", **more: Any) -> dict[str, Any]:
    """A declared service."""
    return {"group": of, "port": 80, "listen": "127.0.0.1:8080", **more}


def spec(groups: dict[str, Any], services: dict[str, Any] | None = None) -> DeploymentSpec:
    """A declared deployment."""
    return DeploymentSpec.model_validate({"groups": groups, "services": services or {}})


def image(name: str) -> Image:
    """`web/2`, with a digest that its name tells."""
    family, _, number = name.partition("/")
    return Image(
        digest=f"sha256:{name}", family=family, number=int(number), state=ImageState.ACTIVE, created_at=0, state_at=0
    )


def release(
    number: int, declared: DeploymentSpec, *, newest: int = 1, retained: Sequence[Release] = (), name: str = "town"
) -> Release:
    """A release as it would be made: `newest` is the number that each family resolves to."""
    asked = {group: one.image for group, one in declared.groups.items()}
    images = {group: image(ask if "/" in ask else f"{ask}/{newest}") for group, ask in asked.items()}
    groups = pin(declared, images, number, retained)
    return Release(deployment=name, number=number, created_at=0, actor="ann", spec=declared, groups=groups)
