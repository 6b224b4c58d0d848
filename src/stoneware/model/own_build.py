"""What `stoneware.yaml` says of its own build, where a repository has no cloudbuild file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictStr, StringConstraints, model_validator

from stoneware.model.noun import Noun
from stoneware.model.quantity import Span

EVERY = "all"
LONGEST_S = 86_400.0

Word = Annotated[StrictStr, StringConstraints(pattern=r"^[^\x00]+$")]
Command = Annotated[tuple[Word, ...], Field(min_length=1)]
Chosen = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class BuildDeclaration(Noun):
    """The steps of this repository's build: check, then the commands of `test` in a container of `image`, then the bakes (each
    with its boot test, and published when that passes), then the deploys.

    `test` has commands as words, without a shell; none means no step. `bake` names families, `all` for every family of this file.
    `deploy` names deployments of this file, and is empty: nothing is deployed that nobody asked for.
    """

    image: Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$")] | None = None
    test: tuple[Command, ...] = ()
    network: Literal["none", "outside"] = "none"
    bake: tuple[Chosen, ...] = (EVERY,)
    deploy: tuple[Chosen, ...] = ()
    timeout: Annotated[Span, Field(le=LONGEST_S)] = 3600.0

    @model_validator(mode="after")
    def _tests_have_an_image(self) -> Self:
        if self.test and self.image is None:
            raise ValueError("test needs a container to run in: name its image, such as image: python:3.12")
        return self
