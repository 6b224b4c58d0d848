"""Exceptions as answers: RFC 9457 problem details. HTTP statuses are known here and nowhere below.

`type` says which kind of problem it is and leads to its description (`GET /problems/{kind}`); `title` is the same for all of
a kind, `detail` speaks of this one, `instance` is what was asked for. `code` is finer than `type` (`codes.py`), and
`GET /problems/{code}` leads to its page. `next_step`, `code` and `problems` are extensions of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from stoneware.codes import CODES, page_of
from stoneware.errors import (
    BadInput,
    BakeFailed,
    Conflict,
    Misconfigured,
    NotFound,
    Refused,
    StonewareError,
    ToolFailed,
    Unreachable,
)

MEDIA = "application/problem+json"
PAGES = "/problems/"


class PreconditionFailed(StonewareError):
    """What was to be changed is no longer what the caller has seen (`If-Match`)."""

    code = "plan-outdated"


class BadRequest(StonewareError):
    """The request isn't as the OpenAPI document says."""

    code = "bad-request"


class StoreUnavailable(StonewareError):
    """The database can't be used now: the disk is full, or another process holds it."""

    code = "store-unavailable"


class Unforeseen(StonewareError):
    """Something happened that nobody has thought of; the daemon's log has the whole of it."""

    code = "unforeseen"


@dataclass(frozen=True)
class Kind:
    """What all problems of a kind have in common."""

    error: type[StonewareError]
    status: int
    title: str

    @property
    def name(self) -> str:
        """`not-found` for NotFound: the last part of `type`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.error.__name__).lower()


UNFORESEEN = Kind(Unforeseen, 500, "Something unforeseen")
KINDS = (
    Kind(BadInput, 400, "The input can't be read"),
    Kind(BadRequest, 400, "The request isn't as documented"),
    Kind(NotFound, 404, "There is no such thing"),
    Kind(Conflict, 409, "Its state doesn't allow this now"),
    Kind(Refused, 409, "It won't work as asked"),
    Kind(PreconditionFailed, 412, "It was changed meanwhile"),
    Kind(BakeFailed, 422, "The recipe can't be baked"),
    Kind(ToolFailed, 502, "A program that we ran failed"),
    Kind(Misconfigured, 503, "The host lacks something"),
    Kind(Unreachable, 503, "The other side doesn't answer"),
    Kind(StoreUnavailable, 503, "The database can't be used now"),
    UNFORESEEN,
)


class Place(BaseModel):
    """One thing that is wrong in an input file."""

    file: str
    line: int
    path: str
    wrong: str
    right: str
    code: str


class Problem(BaseModel):
    """A problem document. `next_step` says what a person can do; `problems` has each thing that is wrong in an input.

    `code` is stable, and finer than `type`.
    """

    type: str = Field(examples=["/problems/not-found"])
    title: str
    status: int
    detail: str
    instance: str
    next_step: str = ""
    code: str = Field(default="", examples=["image-not-found"])
    problems: list[Place] = []


SCHEMA = {"$ref": "#/components/schemas/Problem"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA: {"schema": SCHEMA}}}
}
"""What every route may answer besides what it is for."""

router = APIRouter(tags=["problems"])


@router.get(PAGES + "{kind}", response_class=PlainTextResponse)
def describe_problem(kind: str) -> str:
    """What a kind of problem means: where `type` leads; or what a code means."""
    for known in KINDS:
        if known.name == kind:
            return f"{known.title} ({known.status})\n\n{known.error.__doc__}\n"
    if kind in CODES:
        return page_of(kind)
    raise NotFound(f"no problem {kind}", f"there are: {', '.join(known.name for known in KINDS)}")


def document_problems(app: FastAPI) -> None:
    """Adds the schema of problem documents to the application's OpenAPI document."""
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        document = plain()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs"), Problem=schema)
        return document

    app.openapi = with_problems  # type: ignore[method-assign]
