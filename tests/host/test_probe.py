"""Probes never raise, and always answer within their time, whatever is at the other end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from stoneware.host.probe import ask
from stoneware.model.probe import HttpProbe, TcpProbe

HTTP, TCP = HttpProbe(port=80, path="/healthz?a=b"), TcpProbe(port=80)
Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A server that hands its one connection to `talk`; its address."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def answers(reply: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(reply)

    return talk


def trickles(first: bytes, stop: threading.Event) -> Talk:
    """Sends a byte every few milliseconds, for ever."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    return talk


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nversion 2"


@pytest.mark.parametrize(
    ("probe", "reply", "ok", "detail"),
    [
        (HTTP, OK, True, "HTTP 200"),
        (HTTP, b"HTTP/1.0 200 OK\r\n\r\nuntil the end", True, "HTTP 200"),
        (HTTP, b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", False, "HTTP 503, expected 200"),
        (HTTP.model_copy(update={"status": 503}), b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", True, "HTTP 503"),
        (HTTP.model_copy(update={"body": "version 2"}), OK, True, "HTTP 200"),
        (
            HTTP.model_copy(update={"body": "version 1"}),
            OK,
            False,
            "HTTP 200, but the body lacks 'version 1': 'version 2'",
        ),
        (HTTP, b"", False, "nobody answers on port 80"),
        (HTTP, b"SSH-2.0-\x1b[2J\r\n", False, "SSH-2.0-?[2J??"),
        (
            HTTP,
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            False,
            "IncompleteRead(5 bytes read, 4 more expected)",
        ),
        (HTTP, b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200, False, "got more than 100 headers"),
        (TCP, b"", True, "connected"),
    ],
)
def test_what_an_answer_adds_up_to(probe: HttpProbe | TcpProbe, reply: bytes, ok: bool, detail: str) -> None:
    with server(answers(reply)) as address:
        answer = ask(probe, address, 5.0)
    assert (answer.ok, answer.detail) == (ok, detail)


def test_the_question_is_the_declared_one() -> None:
    asked: list[bytes] = []
    with server(lambda connection: asked.append(connection.recv(65536))) as address:
        ask(HTTP, address, 5.0)
    assert asked[0].startswith(b"GET /healthz?a=b HTTP/1.1\r\n")


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_who_trickles_does_not_hold_us_up(first: bytes) -> None:
    stop = threading.Event()
    with server(trickles(first, stop)) as address:
        began = time.monotonic()
        answer = ask(HTTP, address, 0.2)
        took = time.monotonic() - began
        stop.set()
    assert (answer.ok, answer.detail) == (False, "no answer within 0.2s")
    assert took < 1.0


def test_who_says_nothing_does_not_hold_us_up() -> None:
    done = threading.Event()
    with server(lambda _: done.wait(10) and None) as address:
        answer = ask(HTTP, address, 0.1)
        done.set()
    assert (answer.ok, answer.detail) == (False, "no answer within 0.1s")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:x", "", "127.0.0.1:99999", "a\0b:80"])
@pytest.mark.parametrize("probe", [HTTP, TCP])
def test_an_address_where_nobody_is_is_an_answer(probe: HttpProbe | TcpProbe, address: str) -> None:
    answer = ask(probe, address, 1.0)
    assert not answer.ok
    assert answer.detail
