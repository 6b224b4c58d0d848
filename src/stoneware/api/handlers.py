"""Exceptions as answers: whatever a route raises leaves as a problem document."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from stoneware.api.problems import KINDS, MEDIA, PAGES, UNFORESEEN, BadRequest, Kind, StoreUnavailable, Unforeseen
from stoneware.errors import BadInput, StonewareError
from stoneware.spec.words import form
from stoneware.spec.yaml_lines import shown

log = structlog.get_logger()


class ProblemAnswer(JSONResponse):
    """ASCII, so that even a file name that is no text can be said."""

    media_type = MEDIA

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def add_problem_handlers(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Every error of ours, and every other one, becomes a problem document. `routes` are all that there are."""

    @app.exception_handler(StonewareError)
    def _ours(request: Request, error: StonewareError) -> ProblemAnswer:
        kind = next((known for known in KINDS if isinstance(error, known.error)), UNFORESEEN)
        places = [asdict(place) for place in error.problems] if isinstance(error, BadInput) else []
        return _answer(request, kind, error.message, error.next_step, places, error.code)

    @app.exception_handler(RequestValidationError)
    def _request(request: Request, error: RequestValidationError) -> ProblemAnswer:
        lines = [_misfit(one) for one in error.errors()]
        return _ours(request, BadRequest("; ".join(lines), "GET /openapi.json says what is asked for"))

    @app.exception_handler(OperationalError)
    def _store(request: Request, error: OperationalError) -> ProblemAnswer:
        log.error("the database can't be used", path=request.url.path, error=str(error.orig))
        return _ours(
            request, StoreUnavailable(str(error.orig), "look at the disk of the daemon's home, then try again")
        )

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> ProblemAnswer:
        if error.status_code == HTTPStatus.BAD_REQUEST:  # a body that is no JSON at all, whatever is wrong with it
            return _ours(request, BadRequest("body: it can't be read", "GET /openapi.json says what is asked for"))
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
        return _answer(request, UNFORESEEN, detail, "the daemon's log has the whole of it", [], Unforeseen.code)


def _misfit(error: Mapping[str, Any]) -> str:
    """What doesn't fit in a request. What stands in its address may be said again; what it brings may be a secret."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] != "string_pattern_mismatch":
        return f"{place}: {error['msg'].removeprefix('Value error, ')}"
    given = f"{shown(error['input'])} has" if error["loc"][0] in ("path", "query") else "has"
    return f"{place}: {given} the wrong form: {form(error['ctx']['pattern'])}"


def _allowed(request: Request, routes: Iterable[APIRoute]) -> str:
    """All methods of a path. Starlette looks at it route by route, and names those of the first one only."""
    there = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in there for method in route.methods or ()}))


def _answer(
    request: Request, kind: Kind, detail: str, next_step: str, places: list[dict[str, Any]], code: str
) -> ProblemAnswer:
    body = {"type": PAGES + kind.name, "title": kind.title, "detail": detail, "next_step": next_step, "code": code}
    return _problem(request, kind.status, {**body, "problems": places} if places else body)


def _problem(
    request: Request, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> ProblemAnswer:
    whole = {**body, "status": status, "instance": quote(request.url.path, errors="replace")}
    return ProblemAnswer(whole, status, headers=headers)
