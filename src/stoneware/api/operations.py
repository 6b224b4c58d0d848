"""Operations: what is under way, what was, and the story of each as it happens."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from stoneware.api.deployments import send_signal
from stoneware.api.services import Actor, Given, Key, Position, Services, SignalRequest
from stoneware.model.operation import JournalLine, OperationRecord

router = APIRouter(tags=["operations"])
Limit = Annotated[int, Query(ge=1, le=1000)]
LONGEST_STREAM_S = 6 * 3600.0
LOOK_S = 0.1
LONGEST_SILENCE_S = 15.0
LOG_PIECE_BYTES = 2**20


class EventStream(StreamingResponse):
    """Server-sent events (the HTML standard, section 9.2)."""

    media_type = "text/event-stream"


EVENT = {
    "type": "object",
    "description": "one event; `data` is a JournalLine for `journal`, else an OperationRecord",
    "properties": {
        "id": {"type": "string", "description": "of a journal line: `after` it goes on"},
        "event": {"enum": ["journal", "state", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {EventStream.media_type: {"schema": EVENT}}}}
NEXT = {"X-Next-Offset": {"description": "the byte to go on from", "schema": {"type": "integer"}}}
PIECE: dict[int | str, dict[str, Any]] = {200: {"headers": NEXT}}


@router.get("/v1/operations")
def list_operations(
    services: Given, subject: str | None = None, unfinished: bool | None = None, limit: Limit = 50
) -> list[OperationRecord]:
    """Newest first."""
    return services.store.operations.list(subject, unfinished, limit)


@router.get("/v1/operations/{identity}")
def show_operation(services: Given, identity: str) -> OperationRecord:
    """One operation."""
    return services.store.operations.get(identity)


@router.get("/v1/operations/{identity}/journal")
def show_journal(services: Given, identity: str, after: Position = 0) -> list[JournalLine]:
    """What it has done so far, after a given line."""
    operations = services.store.operations
    operations.get(identity)
    return operations.journal(identity, after)


@router.post("/v1/operations/{identity}/signals", status_code=202)
def signal_operation(
    services: Given, identity: str, body: SignalRequest, actor: Actor, key: Key = None
) -> OperationRecord:
    """Tells an operation something."""
    return send_signal(services, services.store.operations.get(identity), body, actor, key)


@router.get("/v1/operations/{identity}/log", response_class=PlainTextResponse, responses=PIECE)
def read_log(services: Given, identity: str, offset: Position = 0) -> PlainTextResponse:
    """What its programs print, from a byte on; `X-Next-Offset` says where to go on."""
    services.store.operations.get(identity)
    return piece_of_log(services, identity, offset)


def piece_of_log(services: Services, identity: str, offset: int) -> PlainTextResponse:
    """A piece of an operation's log, from a byte on."""
    path = services.home.logs / f"{identity}.log"
    data = b""
    if path.exists():
        with path.open("rb") as log:
            log.seek(offset)
            data = log.read(LOG_PIECE_BYTES)
    # a letter that is half-way written waits for the next time
    text, used = codecs.utf_8_decode(data, "replace", False)
    return PlainTextResponse(text, headers={"X-Next-Offset": str(offset + used)})


@router.get("/v1/operations/{identity}/events", response_class=EventStream, responses=EVENTS)
async def watch_operation(services: Given, identity: str, after: Position = 0) -> EventStream:
    """Server-sent events: `journal` for each line, `state` when what is awaited changes, `end` with the result."""
    await run_in_threadpool(services.store.operations.get, identity)
    return EventStream(_events(services, identity, after))


async def _events(services: Services, identity: str, after: int) -> AsyncIterator[str]:
    """Holds no thread while nothing happens; a comment now and then shows whether anyone still listens."""
    shown, spoke = "", time.monotonic()
    until = spoke + LONGEST_STREAM_S
    while time.monotonic() < until:
        record, lines = await run_in_threadpool(_look, services, identity, after)
        for line in lines:
            after = line.seq
            yield f"id: {line.seq}\nevent: journal\ndata: {line.model_dump_json()}\n\n"
        state = f"{record.state} {record.because} {record.paused}"
        if state != shown:
            yield f"event: state\ndata: {record.model_dump_json()}\n\n"
        if record.result is not None:
            yield f"event: end\ndata: {record.model_dump_json()}\n\n"
            return
        if lines or state != shown:
            spoke = time.monotonic()
        elif time.monotonic() - spoke > LONGEST_SILENCE_S:
            spoke = time.monotonic()
            yield ": nothing new\n\n"
        shown = state
        await asyncio.sleep(LOOK_S)


def _look(services: Services, identity: str, after: int) -> tuple[OperationRecord, list[JournalLine]]:
    """The record first: whatever it says, its lines are written already."""
    operations = services.store.operations
    return operations.get(identity), operations.journal(identity, after)
