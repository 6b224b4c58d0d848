"""The program of a test machine: it says who it is, slowly if asked, and echoes a websocket. It needs only Python's own library.

What it is told stands in its environment: VERSION (its answer), ERRORS (percent of answers that fail), SLOW_S (seconds before
it listens). It runs alone in its machine, so this file imports nothing of ours.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8080
KEPT = "/kept/lines"
LINE_BYTES = 64
EVERY_S = 0.1
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a websocket's key is answered with (RFC 6455, section 1.3)."""


def line(version: str, number: int) -> bytes:
    """A line of a download, of LINE_BYTES."""
    return f"{version} {number} {'.' * LINE_BYTES}"[: LINE_BYTES - 1].encode() + b"\n"


def accepted(key: str) -> str:
    """The answer to a websocket's key."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()


class Handler(BaseHTTPRequestHandler):
    """`/download/N` takes N tenths of a second; a request for an upgrade becomes a websocket; `/health` never fails; what is posted
    to `/kept` becomes a line of a file on a disk, which can be asked for."""

    protocol_version = "HTTP/1.1"
    version = os.environ.get("VERSION", "none")
    errors = float(os.environ.get("ERRORS", "0"))

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
        elif self.path.startswith("/download/"):
            self.download(int(self.path.rpartition("/")[2]))
        elif self.path == "/kept":
            self.say(200, Path(KEPT).read_bytes())
        else:
            self.answer()

    def do_POST(self) -> None:
        with Path(KEPT).open("ab") as kept:
            kept.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
        self.say(200, b"kept\n")

    def answer(self) -> None:
        fails = self.path != "/health" and random.random() * 100 < self.errors
        self.say(500 if fails else 200, f"{self.version} {socket.gethostname()}\n".encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def download(self, lines: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(lines * LINE_BYTES))
        self.end_headers()
        for number in range(lines):
            time.sleep(EVERY_S)
            self.wfile.write(line(self.version, number))

    def echo(self) -> None:
        """Short text messages come back with our version before them, until the other side closes."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted(self.headers["Sec-WebSocket-Key"]))
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2 and head[0] == 0x81:
            mask = self.rfile.read(4)
            masked = self.rfile.read(head[1] & 0x7F)
            said = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
            told = f"{self.version} ".encode() + said
            self.wfile.write(bytes([0x81, len(told)]) + told)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    time.sleep(float(os.environ.get("SLOW_S", "0")))
    Server(("", PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
