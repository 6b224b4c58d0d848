"""The door for git hosts, an application of its own: it listens where others reach it, so it has one route and believes nobody.

    POST /hooks/TRIGGER

The answer says no more than whether the message was taken. It has no document and no other door.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from uvicorn.protocols.http.h11_impl import H11Protocol

from stoneware.errors import Conflict, EngineError, Misconfigured
from stoneware.operations.webhooks import NotBelieved, Webhooks

log = structlog.get_logger()
LARGEST_BYTES = 5 * 2**20
"""Far more than a push that people make: a message only makes us look, and whoever sends one has proved nothing yet."""
LONGEST_NAME = 40
LONGEST_SENDING_S = 10.0
"""For the head of a message, and for its body: whoever is slower keeps a place that others wait for."""
MOST_AT_ONCE = 64
TOO_LARGE = f"the message is too large: at most {LARGEST_BYTES // 2**20} MiB are taken"
NOT_BELIEVED = "the message isn't believed"


def make_webhook_app(webhooks: Webhooks) -> FastAPI:
    """The application around a set of triggers."""
    app = FastAPI(title="Stoneware webhooks", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.post("/hooks/{name}")
    async def deliver(name: str, request: Request) -> Response:
        if len(name) > LONGEST_NAME or _declared(request) > LARGEST_BYTES:
            return _said(413, TOO_LARGE)
        heard = await run_in_threadpool(webhooks.hears, name)
        try:
            # also for a name that nobody has: who says no at once tells which ones there are
            body = await asyncio.wait_for(_body(request, keep=heard), LONGEST_SENDING_S)
        except TimeoutError:
            return _said(408, "the message didn't come in time")
        if body is None:
            return _said(413, TOO_LARGE)
        if not heard:
            return _said(403, NOT_BELIEVED)
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            builds = await run_in_threadpool(webhooks.deliver, name, headers, body)
        except NotBelieved:
            return _said(403, NOT_BELIEVED)
        except Conflict:
            return _said(409, "this message came already")
        except EngineError:
            return _said(202, "taken; the repository is asked again later")
        except Exception:  # the sender is to send it again, whatever it was; why is for our log
            log.exception("a message can't be taken", trigger=name)
            return _said(503, "it can't be taken now")
        return _said(202, f"taken; {sum(not one.already for one in builds)} begun")

    return app


class Impatient(H11Protocol):
    """Uvicorn waits for the head of a first request for ever; a git host has it ready."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(LONGEST_SENDING_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


@contextlib.contextmanager
def listening(webhooks: Webhooks, host: str, port: int) -> Iterator[int]:
    """Takes messages at an address, in a thread of its own, for as long as the context lasts. Gives the port (0 chooses one).

    Raises Misconfigured when nobody can listen there.
    """
    try:
        door = socket.create_server((host, port))
    except OSError as no:
        raise Misconfigured(
            f"nobody can listen on {host}:{port}: {no.strerror}", "name another address", code="address-taken"
        ) from no
    config = uvicorn.Config(
        make_webhook_app(webhooks),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        limit_concurrency=MOST_AT_ONCE,
        http=Impatient,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True, name="webhooks")
    thread.start()
    try:
        yield int(door.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(5)
        door.close()


def _declared(request: Request) -> int:
    """How large the sender says that the body is; 0 when it doesn't."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


async def _body(request: Request, *, keep: bool) -> bytes | None:
    """The body as it came, or nothing of it if it isn't to be kept; None as soon as it is too large."""
    parts: list[bytes] = []
    total = 0
    async for part in request.stream():
        total += len(part)
        if total > LARGEST_BYTES:
            return None
        if keep:
            parts.append(part)
    return b"".join(parts)


def _said(status: int, text: str) -> Response:
    return Response(text + "\n", status, media_type="text/plain")
