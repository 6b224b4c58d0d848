"""The API from Python: one method a question, plain dictionaries back. The command line's only door to the daemon."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import socket
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

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
from stoneware.outside import parsed

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
WHERE = re.compile(r"(^|; )(?:body|query|path)(?:\.spec)?(?:\.|: )")
"""Where in a request something stands that is wrong: nothing that its sender has seen."""
ANSWER_LIMIT_S = 120.0


class UnixConnection(HTTPConnection):
    """HTTP over a unix socket. (From the standard library: every command pays for what is imported here.)"""

    def __init__(self, path: str, timeout_s: float | None) -> None:
        super().__init__("stoneware", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


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
        self._near = near
        self._headers = {"X-Stoneware-Actor": actor or _me(), "Accept": "*/*"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of what it holds. It can't ask anything afterwards."""
        self._let_go()

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a question."""
        return self._json("GET", _target(path, {k: v for k, v in query.items() if v is not None}))

    def post(
        self, path: str, body: dict[str, Any], key: str | None = None, limit_s: float | None = ANSWER_LIMIT_S
    ) -> Any:
        """Asks for something to be done. `key` makes a repeated call the same call; `limit_s` None waits as long as it takes."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._json("POST", _target(path), json.dumps(body).encode(), headers, limit_s)

    def delete(self, path: str, **query: Any) -> Any:
        """Asks for something to go."""
        return self._json("DELETE", _target(path, {k: v for k, v in query.items() if v}))

    def text(self, path: str, **query: Any) -> tuple[str, int]:
        """A text, and where it goes on."""
        with self._asked("GET", _target(path, query)) as response:
            return response.read().decode("utf-8", "replace"), int(response.headers.get("X-Next-Offset", 0))

    def events(self, operation: str) -> Iterator[tuple[str, str]]:
        """An operation's events as they happen: name and JSON."""
        with self._asked("GET", _target(f"/v1/operations/{operation}/events"), limit_s=None) as response:
            name = ""
            while line := response.readline():
                key, _, value = line.decode().rstrip("\r\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, value

    def _json(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        limit_s: float | None = ANSWER_LIMIT_S,
    ) -> Any:
        with self._asked(method, target, body, headers, limit_s) as response:
            content = response.read()
        return json.loads(content) if content else None

    @contextlib.contextmanager
    def _asked(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        limit_s: float | None = ANSWER_LIMIT_S,
    ) -> Iterator[HTTPResponse]:
        """A good answer, to be read inside. Raises what the daemon raised; DaemonUnreachable for silence at any point."""
        line = self._line(limit_s)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        try:
            line.request(method, target, body, {**self._headers, **kind, **headers})
            response = line.getresponse()
            if response.status >= 400:
                raise _error(response.status, response.read())
            yield response
        except (OSError, HTTPException) as away:
            raise self._unreachable() from away
        finally:
            line.close()

    def _line(self, limit_s: float | None) -> HTTPConnection:
        """A connection for one question."""
        return UnixConnection(self._near, limit_s)

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


def _target(path: str, query: Mapping[str, Any] = MappingProxyType({})) -> str:
    """What stands in the request's first line. A name may have been typed with anything in it."""
    asked = {k: str(v).lower() if isinstance(v, bool) else v for k, v in query.items()}
    return quote(path, safe="/:@!$&'()*+,;=~") + (f"?{urlencode(asked, doseq=True)}" if asked else "")


def _error(status: int, content: bytes) -> StonewareError:
    """The error that a problem document tells of."""
    try:
        body = parsed(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return StonewareError(f"the daemon answered {status}: {content.decode('utf-8', 'replace')[:200]}")
    kind = KINDS.get(str(body.get("type", "")).rpartition("/")[2], StonewareError)
    detail, hint = str(body.get("detail", "")), str(body.get("next_step", ""))
    code = str(body.get("code", ""))
    if (
        status == HTTPStatus.NOT_FOUND and body.get("type") == "about:blank"
    ):  # no route: what was named has another form
        asked = unquote(str(body.get("instance", "")).removeprefix("/v1/"))
        return NotFound(f"there is nothing like {asked}", "a name isn't empty, and has no / in it")
    if code == "bad-request":
        detail = WHERE.sub(r"\1", detail)
    if kind is BadInput:
        return BadInput(detail, [_place(one) for one in body.get("problems", ())], hint, code=code)
    return kind(detail, next_step=hint, code=code)


def _place(given: dict[str, Any]) -> Problem:
    return Problem(**{field.name: given[field.name] for field in fields(Problem) if field.name in given})
