"""Exceptions as answers: RFC 9457 problem details. HTTP statuses are known here and nowhere below."""

from __future__ import annotations

import traceback
from dataclasses import asdict

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

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

STATUSES: dict[type[StonewareError], int] = {
    BadInput: 400,
    NotFound: 404,
    Conflict: 409,
    Refused: 409,
    BakeFailed: 422,
    ToolFailed: 502,
    Misconfigured: 503,
    Unreachable: 503,
}
MEDIA = "application/problem+json"
log = structlog.get_logger()


def add_problem_handlers(app: FastAPI) -> None:
    """Every error of ours, and every other one, becomes a problem document."""

    @app.exception_handler(StonewareError)
    def _ours(_request: Request, error: StonewareError) -> JSONResponse:
        status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 500)
        body = {"title": type(error).__name__, "status": status, "detail": error.message, "next_step": error.next_step}
        if isinstance(error, BadInput):
            body["problems"] = [asdict(problem) for problem in error.problems]
        return JSONResponse(body, status, media_type=MEDIA)

    @app.exception_handler(RequestValidationError)
    def _request(_request: Request, error: RequestValidationError) -> JSONResponse:
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        body = {
            "title": "BadRequest",
            "status": 400,
            "detail": "; ".join(lines),
            "next_step": "see the OpenAPI document",
        }
        return JSONResponse(body, 400, media_type=MEDIA)

    @app.exception_handler(Exception)
    def _other(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, error="".join(traceback.format_exception(error)))
        body = {
            "title": "InternalError",
            "status": 500,
            "detail": f"{type(error).__name__}: {error}",
            "next_step": "the daemon's log has the whole of it",
        }
        return JSONResponse(body, 500, media_type=MEDIA)
