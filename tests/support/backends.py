"""Small web servers on loopback that say who they are: what stands behind a proxy under test."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DRIPS = 40
"""Bytes of a long answer: two seconds of it."""


class Backend:
    """Answers every GET with its name; `healthy` False makes it 503, `status` is that of other answers than its health.

    `delay_s` makes it slow. Keep-alive, as real servers do.
    """

    def __init__(self, name: str) -> None:
        self.name, self.healthy, self.delay_s, self.answered, self.status = name, True, 0.0, 0, 200
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.headers.get("Upgrade"):
                    self.echo()
                elif self.path == "/drip":
                    self.drip()
                else:
                    self.answer()

            def answer(self) -> None:
                if backend.delay_s and self.path != "/healthz":
                    time.sleep(backend.delay_s)
                body = backend.name.encode()
                good = backend.status if self.path != "/healthz" else 200
                self.send_response(good if backend.healthy else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                backend.answered += self.path != "/healthz"

            def echo(self) -> None:
                """Another protocol from here on: what comes goes back, with our name before it."""
                self.send_response(101)
                self.send_header("Upgrade", "echo")
                self.send_header("Connection", "Upgrade")
                self.end_headers()
                while said := self.rfile.readline():
                    self.wfile.write(f"{backend.name}: ".encode() + said)
                self.close_connection = True

            def drip(self) -> None:
                """A long answer, slowly."""
                self.send_response(200)
                self.send_header("Content-Length", str(DRIPS))
                self.end_headers()
                for _ in range(DRIPS):
                    self.wfile.write(b".")
                    time.sleep(0.05)

            def log_message(self, *_: object) -> None:
                """Silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A proxy's check hangs up as soon as it knows the status."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Ends it; new connections are refused."""
        self._server.shutdown()
        self._server.server_close()
