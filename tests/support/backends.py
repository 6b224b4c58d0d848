"""Small web servers on loopback that say who they are: what stands behind a proxy under test."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Backend:
    """Answers every GET with its name; `healthy` False makes it 503, `delay_s` slow. Keep-alive, as real servers do."""

    def __init__(self, name: str) -> None:
        self.name, self.healthy, self.delay_s, self.answered = name, True, 0.0, 0
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if backend.delay_s and self.path != "/healthz":
                    time.sleep(backend.delay_s)
                body = backend.name.encode()
                self.send_response(200 if backend.healthy else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                backend.answered += self.path != "/healthz"

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
