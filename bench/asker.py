"""`python -m bench.asker HOST:PORT`: asks again and again on one connection until its stdin ends, then says what it saw.

It prints `SENT_NS ANSWERED_NS ANSWER` for each request, in nanoseconds of the clock that all processes of a host share. An
answer that is none begins with `!`.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time

ANSWER_LIMIT_S = 20.0


def ask(address: str, over: threading.Event) -> list[str]:
    """A line for each request. After a failure it goes on with a new connection, as a client does that tries again."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_LIMIT_S)
    lines = []
    while not over.is_set():
        sent = time.monotonic_ns()
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            answer = response.read().decode()
            if response.status != 200:
                answer = f"!HTTP {response.status} {answer}"
        except (OSError, http.client.HTTPException) as broken:
            answer = f"!{type(broken).__name__} {broken}"
            connection.close()
        lines.append(f"{sent} {time.monotonic_ns()} {' '.join(answer.split())}")
    connection.close()
    return lines


def main() -> None:
    """Asks while somebody holds our stdin open."""
    over = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    print("\n".join(ask(sys.argv[1], over)))


if __name__ == "__main__":
    main()
