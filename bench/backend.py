"""`python -m bench.backend FLEET`: a web server that says who it is, in a process of its own. It prints its port first.

It ends when its stdin does, so it can't outlive whoever started it.
"""

from __future__ import annotations

import asyncio
import sys

END_OF_HEAD = b"\r\n\r\n"


class Answering(asyncio.Protocol):
    """Answers every request without a body with the fleet's name, and keeps the connection unless asked not to."""

    def __init__(self, fleet: str) -> None:
        body = fleet.encode()
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells the type checker what asyncio promises
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while END_OF_HEAD in self._read:
            head, _, self._read = self._read.partition(END_OF_HEAD)
            self._transport.write(self._answer)
            if b"connection: close" in head.lower():
                self._transport.close()


async def serve(fleet: str) -> None:
    """Until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(fleet), "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
