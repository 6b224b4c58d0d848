"""The build of a repository that has only a `stoneware.yaml`: check, unit tests, bake with its boot test, deploy."""

from __future__ import annotations

from stoneware.model.build import BuildSpec, BuildStep
from stoneware.model.document import Document
from stoneware.model.own_build import EVERY


def own_build(document: Document) -> BuildSpec:
    """Its steps, one after the other: each waits for all before it, since none is worth doing when one before has failed.

    Boot test and publishing have no steps of their own: they are part of each bake, which publishes nothing that doesn't boot.
    """
    build = document.build
    families = list(document.images) if EVERY in build.bake else build.bake
    steps = [BuildStep(id="check", verb="check")]
    for number, (program, *words) in enumerate(build.test, start=1):
        steps.append(
            BuildStep(
                id=f"test {number}" if len(build.test) > 1 else "test",
                image=build.image or "",
                entrypoint=program,
                args=tuple(words),
                network=build.network,
            )
        )
    steps += [BuildStep(id=f"bake {name}", verb="bake", args=(name,)) for name in dict.fromkeys(families)]
    steps += [BuildStep(id=f"deploy {name}", verb="deploy", args=(name,)) for name in dict.fromkeys(build.deploy)]
    in_order = tuple(step.model_copy(update={"waits_for": tuple(range(at))}) for at, step in enumerate(steps))
    return BuildSpec(steps=in_order, timeout_s=build.timeout)
