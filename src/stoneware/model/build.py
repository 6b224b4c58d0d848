"""A build: what is to be done with a commit, step by step, and what became of it.

The words and their meanings are those of Google Cloud Build (its v1 REST resources `Build` and `BuildStep`), since teams have
files that say it so. A `BuildSpec` has everything expanded and checked: substitutions are applied, defaults stand in it, and
`waits_for` is a graph by position.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from stoneware.model.noun import Noun


class BuildStatus(StrEnum):
    """What a build or a step of it is (Cloud Build v1, `Build.Status`)."""

    PENDING = "PENDING"
    """Of a step: it waits for others."""
    QUEUED = "QUEUED"
    WORKING = "WORKING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after it."""
        return self not in (BuildStatus.PENDING, BuildStatus.QUEUED, BuildStatus.WORKING)


Verb = Literal["check", "bake", "publish", "deploy", "promote"]
"""What Stoneware itself does as a step of a build, in no container."""


class StepVolume(Noun):
    """A volume that steps of one build share, by name; `path` is absolute."""

    name: str
    path: str


class BuildStep(Noun):
    """One step: a container of `image` that runs `entrypoint` with `args`, or a `script`; or a `verb` of Stoneware's own.

    `id` is unique in the build and never empty. `waits_for` are positions of earlier steps. `directory` is below /workspace, or
    absolute. `environment` has `NAME=value` entries, those of the whole build first. Exit codes in `allowed_codes`, or any with
    `allow_failure`, don't fail the build.
    """

    id: str
    image: str = ""
    verb: Verb | None = None
    entrypoint: str | None = None
    args: tuple[str, ...] = ()
    script: str | None = None
    directory: str = "/workspace"
    environment: tuple[str, ...] = ()
    volumes: tuple[StepVolume, ...] = ()
    waits_for: tuple[int, ...] = ()
    timeout_s: float | None = None
    allow_failure: bool = False
    allowed_codes: tuple[int, ...] = ()
    network: Literal["outside", "none"] = "outside"


class Artifacts(Noun):
    """Files of the workspace to keep: `paths` may have wildcards; `location` is an absolute folder, or empty: the build's own."""

    location: str = ""
    paths: tuple[str, ...] = ()


class BuildSpec(Noun):
    """The whole of what is to be done. Times in seconds; `queue_ttl_s` is how long it may wait for its turn.

    `images` are names that must be in the build's store when it ends. `warnings` are about what was read and means nothing here.
    """

    steps: tuple[BuildStep, ...]
    timeout_s: float = 3600.0
    queue_ttl_s: float = 3600.0
    images: tuple[str, ...] = ()
    artifacts: Artifacts | None = None
    tags: tuple[str, ...] = ()
    substitutions: dict[str, str] = {}
    warnings: tuple[str, ...] = ()


class Source(Noun):
    """Where what is built comes from.

    `folder`: an absolute folder, taken as it is; or `repository` (a path or an address that git reads) at `commit` (40 or 64 hex
    digits). `name` is the repository's short name; `branch` and `tag` are known when the commit was found by one.
    """

    folder: str = ""
    repository: str = ""
    name: str = ""
    commit: str = ""
    branch: str = ""
    tag: str = ""

    @property
    def place(self) -> str:
        """The repository, or the folder: whose builds share what they have cached."""
        return self.repository or self.folder

    @property
    def ref(self) -> str:
        """The full name of its branch or tag, which may have the same short name; empty when it was found by neither."""
        return f"refs/heads/{self.branch}" if self.branch else f"refs/tags/{self.tag}" if self.tag else ""


Allowed = Literal["bake", "deploy", "promote", "docker", "network", "artifacts"]
"""What the steps of a build may reach beyond their workspace. `artifacts`: files are kept at a place that the build names."""


class StepRecord(Noun):
    """What became of a step. Times in seconds since the epoch; `exit_code` where its program ended by itself."""

    id: str
    name: str
    status: BuildStatus = BuildStatus.PENDING
    began_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    because: str = ""


class BuildView(Noun):
    """A build as it is. `status` is never PENDING. Times in seconds since the epoch.

    `trigger` names who began it, if not a person; `retries` the build that it does once more. `children` are the operations that
    its own steps began, `kept` the artifacts, below `kept_in`. `code` says what went wrong (`codes.py`).
    """

    id: str
    status: BuildStatus
    because: str
    code: str = ""
    source: Source
    actor: str
    reason: str = ""
    trigger: str = ""
    retries: str = ""
    tags: tuple[str, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    images: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    kept_in: str = ""
    created_at: float
    began_at: float | None = None
    ended_at: float | None = None
