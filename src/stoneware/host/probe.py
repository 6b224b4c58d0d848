"""The door to other people's ports: one HTTP or TCP question, one answer, always within the time limit."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

from stoneware.model.probe import Answer, HttpProbe, TcpProbe

MAX_BODY_BYTES = 65536
HANGS_UP_S = 0.25


def ask(probe: HttpProbe | TcpProbe, address: str, timeout_s: float) -> Answer:
    """Asks `HOST:PORT`. Never raises: what goes wrong is the answer."""
    host, _, port = address.rpartition(":")
    until = time.monotonic() + timeout_s
    try:
        if isinstance(probe, TcpProbe):
            return _ask_tcp(host, int(port), timeout_s)
        return _ask_http(probe, host, int(port), until)
    except TimeoutError:
        return Answer(ok=False, detail=f"no answer within {timeout_s:g}s")
    except (OSError, ValueError, http.client.HTTPException) as broken:
        if time.monotonic() >= until:
            return Answer(ok=False, detail=f"no answer within {timeout_s:g}s")
        if isinstance(broken, ConnectionRefusedError | ConnectionResetError):  # RemoteDisconnected is one of them
            return Answer(ok=False, detail=f"nobody answers on port {probe.port}")
        said = "".join(one if one.isprintable() else "?" for one in str(broken)[:200])  # a machine's words, perhaps
        return Answer(ok=False, detail=said or type(broken).__name__)


def _ask_tcp(host: str, port: int, timeout_s: float) -> Answer:
    """A forwarded port accepts before anybody asks the machine: when it then hangs up at once, nobody listens in there."""
    with socket.create_connection((host, port), timeout_s) as connection:
        connection.settimeout(min(HANGS_UP_S, timeout_s))
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1):
                raise ConnectionResetError
    return Answer(ok=True, detail="connected")


def _ask_http(probe: HttpProbe, host: str, port: int, until: float) -> Answer:
    connection = http.client.HTTPConnection(host, port, timeout=max(0.01, until - time.monotonic()))
    with contextlib.closing(connection), _cut_off(connection, until):
        connection.request(
            "GET", probe.path, headers={"Host": host, "Connection": "close", "User-Agent": "stoneware-health"}
        )
        response = connection.getresponse()
        raw = response.read(MAX_BODY_BYTES)
    if time.monotonic() >= until:
        raise TimeoutError
    if response.length and len(raw) < MAX_BODY_BYTES:
        raise http.client.IncompleteRead(raw, response.length)
    body = raw.decode("utf-8", "replace")
    if response.status != probe.status:
        return Answer(ok=False, detail=f"HTTP {response.status}, expected {probe.status}")
    if probe.body is not None and probe.body not in body:
        return Answer(ok=False, detail=f"HTTP {response.status}, but the body lacks {probe.body!r}: {body[:80]!r}")
    return Answer(ok=True, detail=f"HTTP {response.status}")


@contextlib.contextmanager
def _cut_off(connection: http.client.HTTPConnection, until: float) -> Iterator[None]:
    """Ends a conversation when its time is over: the socket's own limit starts again with each byte that trickles in."""
    connection.connect()
    wire = connection.sock

    def cut() -> None:
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
