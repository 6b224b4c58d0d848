"""Declarations for tests."""

from __future__ import annotations

from stoneware.model.deployment import DeploymentSpec


def spec(size: int = 2, disks: bool = False, image: str = "web", **rollout: object) -> DeploymentSpec:
    """One group `web` behind one service `play`, on the fake engine, with short times."""
    group = {
        "image": image,
        "size": size,
        "health": {"http": {"port": 80}, "healthy_for": "2s", "deadline": "30s"},
        "rollout": {"bake_time": "5s", "drain": "1s", **rollout},
        "disks": {"data": {"size": "1GiB", "mount": "/var/lib/app"}} if disks else {},
    }
    services = {"play": {"group": "web", "port": 80, "listen": "127.0.0.1:8080"}}
    return DeploymentSpec.model_validate({"engine": "fake", "groups": {"web": group}, "services": services})
