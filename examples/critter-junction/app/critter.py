"""The world of Critter Junction: who has moved in. It keeps its data under /var/lib/critter and speaks SCGI.

Any web server that speaks SCGI can stand in front of it; NGINX and Apache both do.

    GET  /critters   everyone who lives here, a line each
    POST /critters   a critter moves in; its name is the body. Answered when the name is safely on the disk.
    GET  /motd       the message of the day, from the machine's configuration
    GET  /healthz    200 when the world can be written to
"""

import os
import re
import socketserver
import threading
from pathlib import Path

WORLD = Path("/var/lib/critter/critters")
ADDRESS = ("127.0.0.1", 4000)
NAME = re.compile(rb"^[a-z0-9-]{1,64}$")
LARGEST_HEADER = 16384
writing = threading.Lock()


def move_in(name: bytes) -> None:
    """Adds a line to the world, durably."""
    with writing, WORLD.open("ab") as world:
        world.write(name + b"\n")
        world.flush()
        os.fsync(world.fileno())


def answer(method: str, path: str, body: bytes) -> tuple[str, bytes]:
    """Status and body of a response."""
    if path == "/critters" and method == "GET":
        return "200 OK", WORLD.read_bytes() if WORLD.exists() else b""
    if path == "/critters" and method == "POST":
        if not NAME.match(body):
            return "400 Bad Request", b"a critter's name has 1 to 64 lower-case letters, digits and dashes\n"
        move_in(body)
        return "201 Created", body + b"\n"
    if path == "/healthz" and method == "GET":
        writable = os.access(WORLD.parent, os.W_OK)
        return ("200 OK", b"ok\n") if writable else ("503 Service Unavailable", b"the world can't be written to\n")
    if path == "/motd" and method == "GET":
        return "200 OK", os.environ.get("MOTD", "").encode() + b"\n"
    return "404 Not Found", b"nothing here\n"


class Request(socketserver.StreamRequestHandler):
    """One SCGI request: a netstring of headers, then the body."""

    timeout = 10

    def handle(self) -> None:
        size = int(self._until(b":"))
        if size > LARGEST_HEADER:
            return
        words = self.rfile.read(size + 1)[:-2].split(b"\0")
        headers = {key.decode(): value.decode("latin-1") for key, value in zip(words[::2], words[1::2], strict=True)}
        body = self.rfile.read(min(int(headers["CONTENT_LENGTH"] or 0), 4096))
        status, text = answer(headers["REQUEST_METHOD"], headers["REQUEST_URI"].partition("?")[0], body)
        head = f"Status: {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
        self.wfile.write(head.encode() + text)

    def _until(self, mark: bytes) -> bytes:
        read = b""
        while len(read) < 8 and (byte := self.rfile.read(1)) != mark:
            read += byte
        return read


class World(socketserver.ThreadingTCPServer):
    """A thread a request."""

    allow_reuse_address = True
    daemon_threads = False  # the server ends when the last answer is given
    request_queue_size = 128


if __name__ == "__main__":
    with World(ADDRESS, Request) as world:
        world.serve_forever()
