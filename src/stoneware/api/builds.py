"""Builds: begun, listed, watched, cancelled, done once more."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import AfterValidator, StringConstraints, model_validator
from starlette.concurrency import run_in_threadpool

from stoneware.api.operations import LONGEST_SILENCE_S, LONGEST_STREAM_S, PIECE, EventStream, Limit, piece_of_log
from stoneware.api.services import Actor, Folder, Given, Key, Position, Reason, Services, Why
from stoneware.model.address import without_credentials, without_helper
from stoneware.model.build import Allowed, BuildView, Source
from stoneware.model.choice import one_of
from stoneware.model.noun import Noun
from stoneware.pipeline.source import resolve_ref

router = APIRouter(tags=["builds"])
LOOK_S = 0.1
Repository = Annotated[
    str,
    StringConstraints(max_length=4096, pattern=r"^[^-\x00-\x1f][^\x00-\x1f]*$"),
    AfterValidator(without_helper),
    AfterValidator(without_credentials),
]
Ref = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^-\x00-\x20][^\x00-\x20]*$")]


class BuildRequest(Noun):
    """What to build: a `folder` as it is, or a `repository` at the commit that `ref` (a branch, a tag, a commit) stands for now.

    What is to be done stands in the source's file `config`, or in whichever there is. `allowed` is what steps may reach beyond
    their workspace.
    """

    model_config = one_of("folder", "repository")

    folder: Folder | None = None
    repository: Repository | None = None
    ref: Ref = "HEAD"
    config: Annotated[str, StringConstraints(max_length=4096)] = ""
    substitutions: dict[str, str] = {}
    allowed: tuple[Allowed, ...] = ()
    reason: Reason = ""

    @model_validator(mode="after")
    def _one_source(self) -> BuildRequest:
        if (self.folder is None) == (self.repository is None):
            raise ValueError("name a folder or a repository")
        return self


LINE = {
    "type": "object",
    "description": "one event; `data` is a line of the log as JSON for `line`, the BuildView for `end`",
    "properties": {
        "id": {"type": "string", "description": "the byte to go on `after`"},
        "event": {"enum": ["line", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {EventStream.media_type: {"schema": LINE}}}}


@router.post("/v1/builds", status_code=202)
def begin_build(services: Given, body: BuildRequest, actor: Actor, key: Key = None) -> BuildView:
    """Queues a build."""
    if same := services.store.operations.repeated(key, "build", None) if key else None:
        return services.building.show(same.id)
    source = Source(folder=body.folder) if body.folder else resolve_ref(str(body.repository), body.ref)
    record = services.building.begin(
        source,
        actor=actor,
        reason=body.reason,
        config=body.config,
        substitutions=body.substitutions,
        allowed=body.allowed,
        key=key,
    )
    services.worker.poke()
    return services.building.show(record.id)


@router.get("/v1/builds")
def list_builds(services: Given, limit: Limit = 50, unfinished: bool | None = None) -> list[BuildView]:
    """Newest first."""
    return services.building.list(limit, unfinished)


@router.get("/v1/builds/{identity}")
def show_build(services: Given, identity: str) -> BuildView:
    """One build with its steps."""
    return services.building.show(identity)


@router.post("/v1/builds/{identity}/cancel", status_code=202)
def cancel_build(services: Given, identity: str, body: Why, actor: Actor, key: Key = None) -> BuildView:
    """Ends a build: what runs of it is stopped."""
    view = services.building.cancel(identity, actor, body.reason, key)
    services.worker.poke()
    return view


@router.post("/v1/builds/{identity}/retry", status_code=202)
def retry_build(services: Given, identity: str, body: Why, actor: Actor, key: Key = None) -> BuildView:
    """The same build once more, of the same commit."""
    record = services.building.retry(identity, actor, body.reason, key)
    services.worker.poke()
    return services.building.show(record.id)


@router.get("/v1/builds/{identity}/log", response_class=PlainTextResponse, responses=PIECE)
def read_build_log(services: Given, identity: str, offset: Position = 0) -> PlainTextResponse:
    """What it says and prints, from a byte on; `X-Next-Offset` says where to go on."""
    services.building.show(identity)
    return piece_of_log(services, identity, offset)


@router.get("/v1/builds/{identity}/log/events", response_class=EventStream, responses=LINES)
async def follow_build_log(services: Given, identity: str, after: Position = 0) -> EventStream:
    """Server-sent events: `line` for each line of the log as it comes, `end` with the build."""
    await run_in_threadpool(services.building.show, identity)
    return EventStream(_lines(services, identity, after))


async def _lines(services: Services, identity: str, after: int) -> AsyncIterator[str]:
    spoke = time.monotonic()
    until = spoke + LONGEST_STREAM_S
    while time.monotonic() < until:
        # the build first: when it has ended, its log is whole
        view = await run_in_threadpool(services.building.show, identity)
        lines, after = await run_in_threadpool(_whole_lines, services, identity, after, view.ended_at is not None)
        for at, line in lines:
            yield f"id: {at}\nevent: line\ndata: {json.dumps(line)}\n\n"
        if lines:
            spoke = time.monotonic()
        elif view.ended_at is not None:
            yield f"event: end\ndata: {view.model_dump_json()}\n\n"
            return
        elif time.monotonic() - spoke > LONGEST_SILENCE_S:
            spoke = time.monotonic()
            yield ": nothing new\n\n"
        await asyncio.sleep(0 if lines else LOOK_S)


def _whole_lines(services: Services, identity: str, after: int, ended: bool) -> tuple[list[tuple[int, str]], int]:
    """Lines from a byte on, each with where the next one begins; one that isn't whole waits, unless nothing comes any more."""
    path = services.home.logs / f"{identity}.log"
    if not path.exists():
        return [], after
    with path.open("rb") as log:
        log.seek(after)
        data = log.read(2**18)
    whole = data if ended and len(data) < 2**18 else data[: data.rfind(b"\n") + 1]
    found = []
    for raw in whole.splitlines(keepends=True):
        after += len(raw)
        found.append((after, raw.rstrip(b"\r\n").decode("utf-8", "replace")))
    return found, after
