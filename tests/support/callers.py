"""Clients of a service under test: many that ask all the while, one that comes back with its cookie, and two with long business."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import threading
import time
from dataclasses import dataclass, field

from tests.support.answering import accepted

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What somebody was told: when it had been asked and was answered (monotonic seconds), and by whom."""

    asked_at: float
    at: float
    version: str
    machine: str


@dataclass
class Callers:
    """Threads that ask `/` with a connection that they keep, each `rate` times a second, without a cookie."""

    address: str
    threads: int = 4
    rate: float = 10.0
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Callers:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._running = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._running:
            thread.join(PATIENCE_S)

    def between(self, since: float, until: float) -> list[Answer]:
        """Answers to what was asked and answered in this time."""
        with self._lock:
            return [one for one in self.answers if one.asked_at >= since and one.at <= until]

    def _ask(self) -> None:
        caller = Caller(self.address)
        while not self._over.wait(1 / self.rate):
            asked_at = time.monotonic()
            status, version, machine = caller.ask()
            with self._lock:
                if status == "200":
                    self.answers.append(Answer(asked_at, time.monotonic(), version, machine))
                else:
                    self.failures.append(status)
        caller.close()


@dataclass
class Caller:
    """One client and its connection. `keeps`: it comes back with the cookie that it was given, by a new connection each time."""

    address: str
    keeps: bool = False
    cookie: str = ""

    def __post_init__(self) -> None:
        self._line = self._dial()

    def ask(self) -> tuple[str, str, str]:
        """The status (or what went wrong), the version that answered, and its machine."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        try:
            self._line.request("GET", "/", headers=headers)
            response = self._line.getresponse()
            said = response.read().decode()
        except (OSError, http.client.HTTPException) as broken:
            self._line.close()
            self._line = self._dial()
            return f"{type(broken).__name__}: {broken}", "", ""
        given = response.getheader("Set-Cookie", "")
        if self.keeps and given:
            self.cookie = given.partition(";")[0]
        if self.keeps:
            self._line.close()  # it dials again by itself
        version, _, machine = said.strip().partition(" ")
        return str(response.status), version, machine

    def close(self) -> None:
        self._line.close()

    def _dial(self) -> http.client.HTTPConnection:
        host, _, port = self.address.rpartition(":")
        return http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)


class Long:
    """Business that takes its time, in a thread. `cut_at`: when the other side ended it; `last_at`: the last sign of life."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.line = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self.got = b""
        self.last_at = time.monotonic()
        self.cut_at: float | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)

    def end(self) -> None:
        self.line.close()

    def wait(self, limit_s: float = PATIENCE_S) -> None:
        self._thread.join(limit_s)

    def _live(self) -> None:
        try:
            while self._step():
                self.last_at = time.monotonic()
        except OSError:
            pass
        self.cut_at = time.monotonic()

    def _step(self) -> bool:
        """One piece of business; False when the other side has ended it."""
        raise NotImplementedError


class Download(Long):
    """Reads `lines` lines, which takes a tenth of a second each. `got` is what came of them."""

    def __init__(self, address: str, lines: int) -> None:
        super().__init__(address)
        asked = f"GET /download/{lines} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        self.line.sendall(asked.encode())
        self._answer = http.client.HTTPResponse(self.line)
        self._answer.begin()
        assert self._answer.status == 200
        self._thread.start()

    def _step(self) -> bool:
        piece = self._answer.read1(4096)
        self.got += piece
        return bool(piece)


class Websocket(Long):
    """Says something ten times a second, and hears it echoed (RFC 6455). `got` has what was heard."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        wishes = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
        self.line.sendall(f"GET /ws HTTP/1.1\r\nHost: test\r\n{wishes}\r\n\r\n".encode())
        self._answers = self.line.makefile("rb")
        head = b"".join(iter(lambda: self._answers.readline().strip(b"\r\n") or b"", b"")).decode()
        assert "101 Switching" in head, head
        assert accepted(key) in head, head
        self._said = 0
        self._thread.start()

    def _step(self) -> bool:
        time.sleep(0.1)
        self._said += 1
        said, mask = f"hello {self._said}".encode(), os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(said))
        self.line.sendall(bytes([0x81, 0x80 | len(said)]) + mask + masked)
        head = self._answers.read(2)
        if len(head) < 2:
            return False
        told = self._answers.read(head[1])
        assert told.endswith(b" " + said), told
        self.got = told
        return True
