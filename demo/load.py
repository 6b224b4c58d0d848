"""A client that loads a service all the while: readers and a writer, on this host only, bounded in rate and time."""

from __future__ import annotations

import collections
import http.client
import threading
import time
from dataclasses import dataclass, field

ANSWER_LIMIT_S = 260.0
LONGEST_RUN_S = 1800.0


@dataclass
class Tally:
    """What was seen. `failures` has a line for each failed request; `versions` the versions in the order of the answers."""

    sent: int = 0
    failures: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    def mixed(self) -> bool:
        """Whether a version came back after another one had taken over, without a new release in between."""
        return any(a == b for a, b in zip(self.versions, self.versions[2:], strict=False))


class Load:
    """`readers` threads ask for the version, one writes critters into the world; each `rate` times a second.

    Readers keep their connection, as browsers do; the writer opens a new one for each request.
    """

    def __init__(self, address: str, *, readers: int = 4, rate: float = 10.0) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.rate = rate
        self.tally = Tally()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._until = time.monotonic() + LONGEST_RUN_S
        self._threads = [threading.Thread(target=self._read, daemon=True) for _ in range(readers)]
        self._threads.append(threading.Thread(target=self._write, daemon=True))

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait_s: float = ANSWER_LIMIT_S) -> Tally:
        """Ends, after every request has its answer, or `wait_s` seconds later."""
        self._over.set()
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return self.tally

    def _read(self) -> None:
        connection = self._connect()
        while self._next():
            began = time.monotonic()
            try:
                connection.request("GET", "/version")
                response = connection.getresponse()
                body = response.read().decode().strip()
            except (OSError, http.client.HTTPException) as broken:
                self._count(began, f"GET /version: {type(broken).__name__}: {broken}")
                connection.close()
                connection = self._connect()
                continue
            self._count(began, None if response.status == 200 else f"GET /version: HTTP {response.status}", body)
        connection.close()

    def _write(self) -> None:
        number = 0
        while self._next():
            number += 1
            name, began = f"critter-{number:06d}", time.monotonic()
            connection = self._connect()
            try:
                connection.request("POST", "/critters", body=name, headers={"Connection": "close"})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as broken:
                self._count(began, f"POST {name}: {type(broken).__name__}: {broken}")
                continue
            finally:
                connection.close()
            self._count(began, None if response.status == 201 else f"POST {name}: HTTP {response.status}")
            if response.status == 201:
                with self._lock:
                    self.tally.stored.append(name)

    def _count(self, began: float, failure: str | None, version: str = "") -> None:
        with self._lock:
            self.tally.sent += 1
            self.tally.waits_s.append(time.monotonic() - began)
            if failure:
                self.tally.failures.append(failure)
            elif version and self.tally.versions[-1:] != [version]:
                self.tally.versions.append(version)

    def _next(self) -> bool:
        return not self._over.wait(1 / self.rate) and time.monotonic() < self._until

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_LIMIT_S)


def duplicates(names: list[str]) -> list[str]:
    """Names that stand there more than once."""
    return [name for name, times in collections.Counter(names).items() if times > 1]
