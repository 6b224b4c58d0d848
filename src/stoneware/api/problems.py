"""Exceptions as answers: RFC 9457 problem details. HTTP statuses are known here and nowhere below.

`type` says which kind of problem it is and leads to its description (`GET /problems/{kind}`); `title` is the same for all of
a kind, `detail` speaks of this one, `instance` is what was asked for. `next_step` and `problems` are extensions of ours.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match

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
log = structlog.get_logger()


class PreconditionFailed(StonewareError):
    """What was to be changed is no longer what the caller has seen (`If-Match`)."""


class BadRequest(StonewareError):
    """The request isn't as the OpenAPI document says."""


class StoreUnavailable(StonewareError):
    """The database can't be used now: the disk is full, or another process holds it."""


class Unforeseen(StonewareError):
    """Something happened that nobody has thought of; the daemon's log has the whole of it."""


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


class Problem(BaseModel):
    """A problem document. `next_step` says what a person can do; `problems` has each thing that is wrong in an input."""

    type: str = Field(examples=["/problems/not-found"])
    title: str
    status: int
    detail: str
    instance: str
    next_step: str = ""
    problems: list[Place] = []


class ProblemAnswer(JSONResponse):
    """ASCII, so that even a file name that is no text can be said."""

    media_type = MEDIA

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


SCHEMA = {"$ref": "#/components/schemas/Problem"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA: {"schema": SCHEMA}}}
}
"""What every route may answer besides what it is for."""

router = APIRouter(tags=["problems"])


@router.get(PAGES + "{kind}", response_class=PlainTextResponse)
def describe_problem(kind: str) -> str:
    """What a kind of problem means: where `type` leads."""
    for known in KINDS:
        if known.name == kind:
            return f"{known.title} ({known.status})\n\n{known.error.__doc__}\n"
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


def add_problem_handlers(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Every error of ours, and every other one, becomes a problem document. `routes` are all that there are."""

    @app.exception_handler(StonewareError)
    def _ours(request: Request, error: StonewareError) -> ProblemAnswer:
        kind = next((known for known in KINDS if isinstance(error, known.error)), UNFORESEEN)
        places = [asdict(place) for place in error.problems] if isinstance(error, BadInput) else []
        return _answer(request, kind, error.message, error.next_step, places)

    @app.exception_handler(RequestValidationError)
    def _request(request: Request, error: RequestValidationError) -> ProblemAnswer:
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        return _ours(request, BadRequest("; ".join(lines), "GET /openapi.json says what is asked for"))

    @app.exception_handler(OperationalError)
    def _store(request: Request, error: OperationalError) -> ProblemAnswer:
        log.error("the database can't be used", path=request.url.path, error=str(error.orig))
        return _ours(
            request, StoreUnavailable(str(error.orig), "look at the disk of the daemon's home, then try again")
        )

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> ProblemAnswer:
        body = {"type": "about:blank", "title": HTTPStatus(error.status_code).phrase, "detail": str(error.detail)}
        headers = (
            {"Allow": _allowed(request, routes)}
            if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
            else error.headers
        )
        return _problem(request, error.status_code, body, headers)

    @app.exception_handler(Exception)
    def _other(request: Request, error: Exception) -> ProblemAnswer:
        log.error("request failed", path=request.url.path, error="".join(traceback.format_exception(error)))
        detail = f"{type(error).__name__}: {error}"
        return _answer(request, UNFORESEEN, detail, "the daemon's log has the whole of it", [])


def _allowed(request: Request, routes: Iterable[APIRoute]) -> str:
    """All methods of a path. Starlette looks at it route by route, and names those of the first one only."""
    there = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in there for method in route.methods or ()}))


def _answer(request: Request, kind: Kind, detail: str, next_step: str, places: list[dict[str, Any]]) -> ProblemAnswer:
    body = {"type": PAGES + kind.name, "title": kind.title, "detail": detail, "next_step": next_step}
    return _problem(request, kind.status, {**body, "problems": places} if places else body)


def _problem(
    request: Request, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> ProblemAnswer:
    whole = {**body, "status": status, "instance": quote(request.url.path, errors="replace")}
    return ProblemAnswer(whole, status, headers=headers)
