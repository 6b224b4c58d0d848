"""The host's end of the keeper: one line out, one line back, over a connection that is kept for the next question."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from stoneware.host.process import age_s
from stoneware.model.machine import Phase

ANSWER_LIMIT_S = 1.0
ATTEST_LIMIT_S = 10.0
LONGEST_BOOT_S = 900.0
LONGEST_ANSWER_BYTES = 65536
LONGEST_EVIDENCE_BYTES = 262144
"""What a guest may send before it has answered: its words are not trusted, nor their number."""


@dataclass(frozen=True)
class KeeperReply:
    """How far the machine says it is."""

    phase: Phase
    failed_units: tuple[str, ...] = ()
    detail: str = ""


class Unclear(Exception):
    """Why a machine can't be understood."""


class Keepers:
    """Conversations with the keepers of all machines, one at a time each."""

    def __init__(self) -> None:
        self._open: dict[str, socket.socket] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._ticket = 0
        self._heard: set[tuple[int, int]] = set()

    def ask(self, folder: Path, word: str, limit_s: float = ANSWER_LIMIT_S) -> KeeperReply | None:
        """Asks one word (`status`, `quiesce`, `proceed`, `poweroff`, `units`). None: no answer within the time (seconds)."""
        with self._guard:
            lock = self._locks.setdefault(folder.name, threading.Lock())
            self._ticket += 1
            ticket = str(self._ticket)
        with lock:
            try:
                connection = self._connection(folder)
                until = time.monotonic() + limit_s
                connection.settimeout(limit_s)
                connection.sendall(f"{word} {ticket}\n".encode())
                return _parse(_line_for(connection, ticket, until))
            except (OSError, ValueError):
                self.forget(folder.name)
                return None

    def attest(self, folder: Path) -> list[str]:
        """The lines in which a machine tells what it runs. Raises Unclear."""
        ticket = secrets.token_hex(8)  # whoever chooses names in the machine doesn't know it
        with self._guard:
            lock = self._locks.setdefault(folder.name, threading.Lock())
        with lock:
            try:
                connection = self._connection(folder)
                connection.sendall(f"attest {ticket}\n".encode())
                return _lines_between(connection, ticket, time.monotonic() + ATTEST_LIMIT_S)
            except OSError as silent:
                self.forget(folder.name)
                raise Unclear(f"it doesn't answer: {silent}") from silent

    def status(self, folder: Path, process: tuple[int, int]) -> KeeperReply:
        """How far a running machine (`process`: its pid and start time) is. Silence means that it boots, until it has
        answered once, or for as long as a boot may last; after that it means that nobody knows."""
        reply = self.ask(folder, "status")
        if reply is not None:
            self._heard.add(process)
            return reply
        if process in self._heard or age_s(process) > LONGEST_BOOT_S:
            return KeeperReply(Phase.UNKNOWN, detail="it doesn't answer any more")
        return KeeperReply(Phase.BOOTING)

    def close(self) -> None:
        """Ends every conversation: a machine talks to one daemon at a time."""
        for name in list(self._open):
            self.forget(name)

    def forget(self, name: str) -> None:
        """Closes the connection to a machine."""
        with self._guard:
            connection = self._open.pop(name, None)
        if connection:
            connection.close()

    def _connection(self, folder: Path) -> socket.socket:
        with self._guard:
            known = self._open.get(folder.name)
        if known:
            return known
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fresh.settimeout(ANSWER_LIMIT_S)
            fresh.connect(f"/proc/self/fd/{handle}/keeper.sock")
        except OSError:
            fresh.close()
            raise
        finally:
            os.close(handle)
        with self._guard:
            self._open[folder.name] = fresh
        return fresh


def _line_for(connection: socket.socket, ticket: str, until: float) -> str:
    """The line that answers our ticket; lines for earlier questions, answered too late, are passed over.

    Raises OSError when the time is over, or a guest sends more than an answer can be.
    """
    buffer, received = b"", 0
    while True:
        connection.settimeout(max(0.001, until - time.monotonic()))
        chunk = connection.recv(4096)
        received += len(chunk)
        if not chunk or received > LONGEST_ANSWER_BYTES or time.monotonic() > until:
            raise OSError("the keeper's port was closed, or talks without answering")
        buffer += chunk
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            text = line.decode("utf-8", "replace").strip()
            if text.split(" ", 1)[0] == ticket:
                return text


def _lines_between(connection: socket.socket, ticket: str, until: float) -> list[str]:
    """What is said between `TICKET attest` and `TICKET end`. Raises OSError as above, and Unclear for a keeper without the word."""
    received, begun, end = b"", f"{ticket} attest\n".encode(), f"{ticket} end\n".encode()
    while True:
        connection.settimeout(max(0.001, until - time.monotonic()))
        chunk = connection.recv(65536)
        received += chunk.replace(b"\r", b"")
        if not chunk or len(received) > LONGEST_EVIDENCE_BYTES or time.monotonic() > until:
            raise OSError("the keeper's port was closed, or talks without coming to an end")
        _, start, told = received.partition(begun)
        if start and told.endswith(end):
            return told.removesuffix(end).decode("utf-8", "replace").split("\n")
        if not start and f"{ticket} ".encode() in received and received.endswith(b"\n"):
            raise Unclear("its image was baked by a Stoneware whose machines couldn't tell; bake it again")


def _parse(line: str) -> KeeperReply:
    """`12 SERVING failed=a,b detail=...`. Raises ValueError: what comes from a guest is not trusted to have a shape."""
    shown = "".join(one if one.isprintable() else "?" for one in line)  # it may go to somebody's terminal
    _, phase, failed, detail = [*shown.split(" ", 3), "", "", ""][:4]
    units = failed.removeprefix("failed=").split(",")
    return KeeperReply(Phase(phase), tuple(u[:200] for u in units if u)[:50], detail.removeprefix("detail=")[:500])
