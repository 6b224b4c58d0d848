"""A trigger: which changes of which repository begin a build, and what that build may do."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from stoneware.model.build import Allowed, BuildStatus
from stoneware.model.deployment import Name
from stoneware.model.noun import Noun
from stoneware.model.quantity import Span

TriggerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]*$", max_length=1000)]

ADDRESS = re.compile(
    r"^(https?|ssh|git)://[^\s@]*(@[^\s@/]+)?[^\s@]*$|^([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:[^/\s:][^\s:]*$"
)
"""What git reads over a network: an address with a scheme, or `user@host:path` (git-clone(1)). Nothing that runs a helper."""


ACTOR = "trigger:"
"""How triggers are named where something was done by one: before its name."""


class Watch(StrEnum):
    """What makes Stoneware look at a repository: its post-receive hook, the time, or a signed message from its host."""

    PUSH = "push"
    POLL = "poll"
    WEBHOOK = "webhook"


Form = Literal["github", "gitlab", "gitea"]
"""Whose messages a webhook gets: they are signed differently."""


def is_local(repository: str) -> bool:
    """Whether it is a folder of this host."""
    return repository.startswith("/")


def _repository(given: str) -> str:
    if is_local(given):
        return given.rstrip("/") or "/"
    if not ADDRESS.match(given):
        raise ValueError("no repository: write an absolute path, https://HOST/PATH, ssh://HOST/PATH or git@HOST:PATH")
    if re.match(r"^[a-z]+://[^/@]*:[^/@]*@", given):
        raise ValueError(
            "an address with a password in it: everybody who lists processes sees that; use a key, or git's credential store"
        )
    return given


def _pattern(given: str) -> str:
    try:
        re.compile(given)
    except (re.error, RecursionError, OverflowError) as wrong:
        raise ValueError(f"no regular expression ({wrong}): write one such as ^main$") from None
    return given


Repository = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x20-][^\x00-\x20]*$"),
    AfterValidator(_repository),
]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_pattern)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\r\n]+$")]


class TriggerSpec(Noun):
    """What somebody wishes of a trigger.

    `branch` and `tag` are regular expressions that are searched for in the short name, as in Cloud Build's triggers; with
    neither, every branch counts. `include` and `ignore` are globs over the paths that a push has changed: it builds when one of
    them is included and not ignored. `config` is the build file's path in the repository; empty: cloudbuild.yaml where there is
    one, else stoneware.yaml.
    `allow` is what its builds may reach; `families` are those that they may bake into, and `deployments` those that they may
    deploy and promote (empty: whatever the repository's stoneware.yaml declares). `keep_older`: a newer commit doesn't end the
    older builds of its branch. `every` is how often a polled repository is asked (seconds).
    """

    repository: Repository
    watch: Watch
    branch: Pattern | None = None
    tag: Pattern | None = None
    include: Annotated[tuple[Glob, ...], Field(max_length=100)] = ()
    ignore: Annotated[tuple[Glob, ...], Field(max_length=100)] = ()
    config: Line = ""
    substitutions: dict[Annotated[str, StringConstraints(pattern=r"^_[A-Z0-9_]{1,99}$")], Line] = {}
    allow: tuple[Allowed, ...] = ("bake", "network")
    families: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    deployments: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    keep_older: bool = False
    every: Annotated[Span, Field(ge=5)] = 60.0
    form: Form | None = None
    secret: SecretName | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.watch is Watch.PUSH and not is_local(self.repository):
            raise ValueError("only a repository of this host has a hook that we can set: watch it by poll or webhook")
        if self.watch is Watch.WEBHOOK and not (self.form and self.secret):
            raise ValueError("a webhook needs form (whose messages) and secret (the name of what they are signed with)")
        if self.watch is not Watch.WEBHOOK and (self.form or self.secret):
            raise ValueError("form and secret belong to watch webhook: leave them out")
        return self


class Trigger(TriggerSpec):
    """A trigger that there is. `id` never comes again, even for a trigger of the same name."""

    id: int
    name: TriggerName
    created_at: float
    actor: str


class TriggerState(Noun):
    """How it goes: when the repository was last looked at with success (seconds since the epoch), and what is wrong since."""

    looked_at: float | None = None
    trouble: str = ""
    next_look_at: float | None = None


class Begun(Noun):
    """What a pushed commit is built in. `already`: the status of a build that the commit had before."""

    build: str
    already: BuildStatus | None = None


class Change(Noun):
    """A ref that points elsewhere now: `ref` is its full name, `old` empty for a new one."""

    ref: str
    old: str
    new: str

    @property
    def branch(self) -> str:
        """The branch's short name; empty for a tag."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def tag(self) -> str:
        """The tag's short name; empty for a branch."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else ""
