"""Somebody who asks to be let into a machine, types, reads, and leaves."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.host import frames

PATIENCE_S = 20.0


@dataclass
class Visitor:
    """A client at a session's socket. `said` is what was printed, `notices` what people are told, `because` why it was over."""

    path: Path
    line: socket.socket = field(init=False)
    said: bytes = b""
    notices: list[str] = field(default_factory=list)
    because: str | None = None

    def __post_init__(self) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.line.connect(str(self.path))
        self.line.settimeout(PATIENCE_S)
        self._pieces = frames.Frames()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        self.line.sendall(frames.frame(kind, content))

    def type(self, text: str) -> None:
        self.send(frames.TYPED, text.encode())

    def read_until(self, wanted: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while wanted.encode() not in self.said:
            assert time.monotonic() < until, f"no {wanted!r} in {self.said!r}"
            assert self._take(), f"it was over before {wanted!r}: {self.because}"

    def read_all(self) -> str | None:
        """Reads to the end; why it was over."""
        while self._take():
            pass
        return self.because

    def leave(self) -> None:
        self.line.close()

    def _take(self) -> bool:
        data = self.line.recv(65536)
        for kind, content in self._pieces.feed(data):
            if kind == frames.PRINTED:
                self.said += content
            elif kind == frames.NOTICE:
                self.notices.append(content.decode())
            elif kind == frames.OVER:
                self.because = content.decode()
        return bool(data) and self.because is None
