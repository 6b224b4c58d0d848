"""Operations: what is under way, what was, and the story of each as it happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

from stoneware.api.deployments import send_signal
from stoneware.api.services import Actor, Services, SignalRequest
from stoneware.model.operation import JournalLine, OperationRecord

router = APIRouter(tags=["operations"])
Limit = Annotated[int, Query(ge=1, le=1000)]
LONGEST_STREAM_S = 6 * 3600.0


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


@router.get("/v1/operations")
def list_operations(
    request: Request, subject: str | None = None, unfinished: bool | None = None, limit: Limit = 50
) -> list[OperationRecord]:
    """Newest first."""
    return _services(request).store.operations.list(subject, unfinished, limit)


@router.get("/v1/operations/{identity}")
def show_operation(request: Request, identity: str) -> OperationRecord:
    """One operation."""
    return _services(request).store.operations.get(identity)


@router.get("/v1/operations/{identity}/journal")
def show_journal(request: Request, identity: str, after: int = 0) -> list[JournalLine]:
    """What it has done so far, after a given line."""
    operations = _services(request).store.operations
    operations.get(identity)
    return operations.journal(identity, after)


@router.post("/v1/operations/{identity}/signals", status_code=202)
def signal_operation(request: Request, identity: str, body: SignalRequest, actor: Actor) -> OperationRecord:
    """Tells an operation something."""
    services = _services(request)
    return send_signal(services, services.store.operations.get(identity).subject, body, actor)


@router.get("/v1/operations/{identity}/log", response_class=PlainTextResponse)
def read_log(request: Request, identity: str, offset: Annotated[int, Query(ge=0)] = 0) -> PlainTextResponse:
    """What its programs print, from a byte on; `X-Next-Offset` says where to go on."""
    services = _services(request)
    services.store.operations.get(identity)
    path = services.home.logs / f"{identity}.log"
    data = b""
    if path.exists():
        with path.open("rb") as log:
            log.seek(offset)
            data = log.read(2**20)
    headers = {"X-Next-Offset": str(offset + len(data))}
    return PlainTextResponse(data.decode("utf-8", "replace"), headers=headers)


@router.get("/v1/operations/{identity}/events", response_class=StreamingResponse)
def watch_operation(request: Request, identity: str, after: int = 0) -> StreamingResponse:
    """Server-sent events: `journal` for each line, `state` when what is awaited changes, `end` with the result."""
    services = _services(request)
    services.store.operations.get(identity)
    return StreamingResponse(_events(services, identity, after), media_type="text/event-stream")


def _events(services: Services, identity: str, after: int) -> Iterator[str]:
    shown, until = "", time.monotonic() + LONGEST_STREAM_S
    while time.monotonic() < until:
        record = services.store.operations.get(identity)
        for line in services.store.operations.journal(identity, after):
            after = line.seq
            yield f"id: {line.seq}\nevent: journal\ndata: {line.model_dump_json()}\n\n"
        state = f"{record.state} {record.because} {record.paused}"
        if state != shown:
            shown = state
            yield f"event: state\ndata: {record.model_dump_json()}\n\n"
        if record.result is not None:
            yield f"event: end\ndata: {record.model_dump_json()}\n\n"
            return
        time.sleep(0.1)
