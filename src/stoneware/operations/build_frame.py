"""What a build remembers between its steps."""

from __future__ import annotations

from typing import ClassVar

from stoneware.model.build import Allowed, BuildSpec, BuildStatus, Source, StepRecord
from stoneware.operations.procedure import Frame


class BuildFrame(Frame):
    """`spec` is None until it was read from the source, where it stands as `config` (empty: whichever file there is); `reads` says
    that it is read from there. `works_from` is when its steps' time began, less the time in which nothing of it ran since nobody
    was there to begin it. Of builds that wait in one `lane`, only the newest is done.

    `families` and `deployments` are those that its steps may bake into, or deploy and promote (empty: all that it declares).
    `status` is how it ends, as soon as that is known. `trigger` names who began it, if not a person; `retries` the build that it
    does once more. `children` are operations that steps have begun, by the step's position, and `codes` says why a
    step could not begin. `kept` are the artifacts, which lie
    below `kept_in`. Times in seconds since the epoch.
    """

    TELLS: ClassVar[tuple[str, ...]] = ("repository", "commit", "trigger", "retries")

    spec: BuildSpec | None = None
    queue_ttl_s: float = 3600.0
    lane: str = ""
    reads: bool = False
    source: Source
    config: str = ""
    substitutions: dict[str, str] = {}
    allowed: tuple[Allowed, ...] = ()
    families: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    status: BuildStatus | None = None
    failure: str = ""
    trigger: str = ""
    retries: str = ""
    began_at: float | None = None
    works_from: float | None = None
    children: dict[int, tuple[str, ...]] = {}
    codes: dict[int, str] = {}
    kept: tuple[str, ...] = ()
    kept_in: str = ""

    @property
    def repository(self) -> str:
        return self.source.name or self.source.folder

    @property
    def commit(self) -> str:
        return self.source.commit

    @property
    def known(self) -> BuildSpec:
        """The spec, in states that can't be entered without one."""
        if self.spec is None:
            raise AssertionError("this build has not been read yet")
        return self.spec

    def ends(self, status: BuildStatus, why: str) -> BuildFrame:
        """The same, with how it ends: what was said first counts."""
        return self if self.status else self.model_copy(update={"status": status, "failure": why})

    def with_step(self, number: int, **update: object) -> BuildFrame:
        """The same, with something new about a step."""
        steps = list(self.steps)
        steps[number] = steps[number].model_copy(update=update)
        return self.model_copy(update={"steps": tuple(steps)})
