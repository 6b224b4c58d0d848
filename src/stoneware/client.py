"""The API from Python: one method a question, plain dictionaries back. The command line's only door to the daemon."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from stoneware.errors import (
    BadInput,
    BakeFailed,
    Conflict,
    DaemonUnreachable,
    Misconfigured,
    NotFound,
    Problem,
    Refused,
    StonewareError,
    Unreachable,
)

KINDS: dict[str, type[StonewareError]] = {
    kind.__name__: kind for kind in (NotFound, Conflict, Refused, Unreachable, Misconfigured, BakeFailed)
}
ANSWER_LIMIT_S = 120.0


class Client:
    """Speaks to the daemon on a unix socket. Raises the same errors that the daemon raised, or DaemonUnreachable."""

    def __init__(self, path: Path, actor: str | None = None) -> None:
        self._path = path
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY) if path.parent.is_dir() else None
        # through /proc, for the path of a socket may have 107 characters and a folder's any number
        near = f"/proc/self/fd/{self._folder}/{path.name}" if self._folder is not None else str(path)
        headers = {"X-Stoneware-Actor": actor or f"{getpass.getuser()}@{socket.gethostname()}"}
        transport = httpx.HTTPTransport(uds=near)
        self._http = httpx.Client(
            transport=transport, base_url="http://stoneware", headers=headers, timeout=ANSWER_LIMIT_S, trust_env=False
        )

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a question."""
        return self._json("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        """Asks for something to be done. `key` makes a repeated call the same call."""
        return self._json("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    def delete(self, path: str, **query: Any) -> Any:
        """Asks for something to go."""
        return self._json("DELETE", path, params={k: v for k, v in query.items() if v})

    def text(self, path: str, **query: Any) -> tuple[str, int]:
        """A text, and where it goes on."""
        response = self._send("GET", path, params=query)
        return response.text, int(response.headers.get("X-Next-Offset", 0))

    def events(self, operation: str) -> Iterator[tuple[str, str]]:
        """An operation's events as they happen: name and JSON."""
        try:
            with self._http.stream("GET", f"/v1/operations/{operation}/events", timeout=None) as response:
                name = ""
                for line in response.iter_lines():
                    key, _, value = line.partition(": ")
                    if key == "event":
                        name = value
                    elif key == "data":
                        yield name, value
        except httpx.TransportError as away:
            raise self._unreachable() from away

    def _json(self, method: str, path: str, **words: Any) -> Any:
        response = self._send(method, path, **words)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **words: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **words)
        except httpx.TransportError as away:
            raise self._unreachable() from away
        if response.is_error:
            raise _error(response)
        return response

    def _unreachable(self) -> DaemonUnreachable:
        return DaemonUnreachable(
            f"no daemon answers at {self._path}", "start it with `stoneware serve`, or set STONEWARE_HOME to its home"
        )


def _error(response: httpx.Response) -> StonewareError:
    try:
        body = response.json()
    except ValueError:
        return StonewareError(f"the daemon answered {response.status_code}: {response.text[:200]}")
    title, detail, hint = body.get("title", ""), str(body.get("detail", "")), str(body.get("next_step", ""))
    if title in ("BadInput", "BadRequest"):
        return BadInput(detail, [Problem(**problem) for problem in body.get("problems", [])], hint)
    return KINDS.get(title, StonewareError)(detail, hint)
