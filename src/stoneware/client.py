"""The API from Python: one method a question, plain dictionaries back. The command line's only door to the daemon."""

from __future__ import annotations

import getpass
import os
import socket
import weakref
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

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
    "bad-input": BadInput,
    "bad-request": BadInput,
    "not-found": NotFound,
    "conflict": Conflict,
    "precondition-failed": Conflict,
    "refused": Refused,
    "bake-failed": BakeFailed,
    "misconfigured": Misconfigured,
    "unreachable": Unreachable,
}
"""What the last part of a problem's `type` (RFC 9457) means to us; every other problem is a plain StonewareError."""
ANSWER_LIMIT_S = 120.0


class Client:
    """Speaks to the daemon on a unix socket. Raises the same errors that the daemon raised, or DaemonUnreachable.

    `close`, or the end of a `with`, lets go of the connection and of the socket's folder; so does forgetting the client.
    """

    def __init__(self, path: Path, actor: str | None = None) -> None:
        self._path = path
        near = str(path)
        self._let_go: Callable[[], object] = lambda: None
        if path.parent.is_dir():
            # through /proc, for the path of a socket may have 107 characters and a folder's any number
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            self._let_go = weakref.finalize(self, os.close, folder)
            near = f"/proc/self/fd/{folder}/{path.name}"
        headers = {"X-Stoneware-Actor": actor or _me()}
        transport = httpx.HTTPTransport(uds=near)
        self._http = httpx.Client(
            transport=transport, base_url="http://stoneware", headers=headers, timeout=ANSWER_LIMIT_S, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of what it holds. It can't ask anything afterwards."""
        self._http.close()
        self._let_go()

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a question."""
        return self._json("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(
        self, path: str, body: dict[str, Any], key: str | None = None, limit_s: float | None = ANSWER_LIMIT_S
    ) -> Any:
        """Asks for something to be done. `key` makes a repeated call the same call; `limit_s` None waits as long as it takes."""
        headers = {"Idempotency-Key": key} if key else {}
        patience = {} if limit_s == ANSWER_LIMIT_S else {"timeout": limit_s}
        return self._json("POST", path, json=body, headers=headers, **patience)

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
                if response.is_error:
                    response.read()
                    raise _error(response)
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


def _me() -> str:
    """`user@host`, in characters that a header can have. A user without a name (in a container) is a number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid-{os.getuid()}"
    return "".join(letter if "!" <= letter <= "~" else "?" for letter in f"{user}@{socket.gethostname()}")


def _error(response: httpx.Response) -> StonewareError:
    """The error that a problem document tells of."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return StonewareError(f"the daemon answered {response.status_code}: {response.text[:200]}")
    kind = KINDS.get(str(body.get("type", "")).rpartition("/")[2], StonewareError)
    detail, hint = str(body.get("detail", "")), str(body.get("next_step", ""))
    if kind is BadInput:
        return BadInput(detail, [_place(one) for one in body.get("problems", ())], hint)
    return kind(detail, next_step=hint)


def _place(given: dict[str, Any]) -> Problem:
    return Problem(**{field.name: given[field.name] for field in fields(Problem) if field.name in given})
