"""What the steps of a build reach for beyond their workspace, known before anything runs."""

from __future__ import annotations

from collections.abc import Collection

from stoneware.model.build import Allowed, BuildSpec, BuildStep
from stoneware.pipeline.builders import wants_docker

OF_VERBS: dict[str, Allowed] = {"bake": "bake", "publish": "bake", "deploy": "deploy", "promote": "promote"}


def needs_docker(step: BuildStep) -> bool:
    """Whether a step can't do without the socket: by its builder, or because it speaks of it."""
    said = (step.script or "", *step.args, *step.environment, *(volume.path for volume in step.volumes))
    return bool(step.image) and (wants_docker(step.image) or any("docker.sock" in one for one in said))


def not_allowed(spec: BuildSpec, allowed: Collection[str]) -> list[str]:
    """A sentence for each step that needs what the build may not have."""
    found = []
    for step in spec.steps:
        need = OF_VERBS.get(step.verb or "") or ("docker" if needs_docker(step) else None)
        if need and need not in allowed:
            found.append(f"step {step.id} needs {need}, which this build is not allowed")
    if spec.artifacts and spec.artifacts.location and "artifacts" not in allowed:
        found.append(f"artifacts go to {spec.artifacts.location}, which this build is not allowed")
    return found
