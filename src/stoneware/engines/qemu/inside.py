"""The host's end of the test agent: a command in, its status and output out, over a port that only a tested machine has."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from stoneware.errors import Unreachable
from stoneware.model.machine import Ran

LONGEST_ANSWER_BYTES = 65536


def run_inside(folder: Path, argv: Sequence[str], limit_s: float) -> Ran:
    """Runs a command in the machine whose files are in `folder`. Raises Unreachable without an answer in `limit_s` seconds."""
    ticket = secrets.token_hex(8)  # answers to earlier questions may still come
    words = " ".join(base64.b64encode(word.encode()).decode() for word in argv)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as port:
            port.settimeout(limit_s)
            port.connect(f"/proc/self/fd/{handle}/tester.sock")
            port.sendall(f"{ticket} {words}\n".encode())
            return _answer(port, ticket, time.monotonic() + limit_s)
    except (OSError, ValueError) as silent:
        raise Unreachable(f"the test agent doesn't answer: {silent}") from silent
    finally:
        os.close(handle)


def _answer(port: socket.socket, ticket: str, until: float) -> Ran:
    """Raises OSError or ValueError: what comes from a guest is not trusted to come, to end, or to have a shape."""
    buffer = b""
    while True:
        port.settimeout(max(0.001, until - time.monotonic()))
        chunk = port.recv(8192)
        buffer += chunk
        if not chunk or len(buffer) > LONGEST_ANSWER_BYTES or time.monotonic() > until:
            raise OSError("no answer within the time")
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            said, status, output = [*line.decode("ascii", "replace").strip().split(" ", 2), "", ""][:3]
            if said == ticket:
                return Ran(status=int(status), output=_decoded(output))


def _decoded(output: str) -> str:
    try:
        return base64.b64decode(output, validate=True).decode("utf-8", "replace")
    except binascii.Error as broken:
        raise ValueError(f"what the command printed can't be read: {broken}") from broken
