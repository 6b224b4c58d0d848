"""Clients of a service: one answer, a person with a cookie, and many who ask all the while."""

from __future__ import annotations

import http.client
import socket
import threading
import time


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def get(address: str) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class Person:
    """A client that keeps its cookie."""

    def __init__(self, address: str, cookie: str = "") -> None:
        self.address, self.cookie = address, cookie

    def ask(self) -> str:
        """The fleet that answers."""
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            connection.request("GET", "/", headers={"Cookie": f"other=1; {self.cookie}"} if self.cookie else {})
            response = connection.getresponse()
            set_cookie = response.getheader("Set-Cookie")
            self.cookie = set_cookie.partition(";")[0] if set_cookie else self.cookie
            return response.read().decode().strip().rpartition("-")[0]
        finally:
            connection.close()


class Clients:
    """A few clients that ask all the while, on connections that they keep."""

    def __init__(self, address: str, threads: int = 4) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.count, self.failures, self.stale = 0, [], []  # type: tuple[int, list[str], list[str]]
        self._expected = ("", 0.0)
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(25)

    def after_switch(self, fleet: str) -> None:
        """From now on, whoever is asked must be of this fleet."""
        with self._lock:
            self._expected = (fleet, time.monotonic())

    def wait_for(self, more: int) -> None:
        """Until so many more answers have come."""
        wanted, until = self.count + more, time.monotonic() + 20
        while self.count < wanted and time.monotonic() < until and not self.failures:
            time.sleep(0.005)
        assert self.count >= wanted or self.failures, "too few answers"

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        while not self._over.is_set():
            sent = time.monotonic()
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                body = response.read().decode()
            except (OSError, http.client.HTTPException) as broken:
                self.failures.append(repr(broken))
                return
            with self._lock:
                self.count += 1
                fleet, since = self._expected
                if response.status != 200:
                    self.failures.append(f"HTTP {response.status} {body}")
                if fleet and sent > since and not body.startswith(fleet):
                    self.stale.append(body)
        connection.close()
