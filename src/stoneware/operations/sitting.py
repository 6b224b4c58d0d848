"""One break-glass session as it goes on: what is typed goes in, what is printed comes out, all of it into the transcript.

It ends when the shell does, when its client is gone, when its time is over, when its transcript is full, or when the daemon ends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

from pydantic import ValidationError

from stoneware.engines.shell import Way
from stoneware.host import frames
from stoneware.host.transcript import Transcript
from stoneware.model.quantity import format_time
from stoneware.model.shell import Window

BEAT_S = 0.2
END_OF_INPUT = b"\x04"
END_AGAIN_S = 1.0
"""A program that reads takes the end of input for itself; then the shell is told again."""
DEAF_S = 20.0
WARN_BEFORE_S = 60.0


@dataclass
class Sitting:
    """`run` lasts as long as the session and returns why it ended. `stop` ends it from another thread."""

    way: Way
    line: socket.socket
    transcript: Transcript
    limit_s: float
    window: Window
    _over: threading.Event = field(default_factory=threading.Event)
    _because: str = ""
    _typing: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> str:
        self.line.settimeout(DEAF_S)
        reader = threading.Thread(target=self._listen, daemon=True, name="shell-input")
        reader.start()
        try:
            self._speak()
        except OSError as gone:
            self.stop(f"its client is gone: {gone}")
        except BaseException:  # nobody listens on behind the end of this thread
            self._over.set()
            raise
        reader.join(DEAF_S)
        return self._because

    def stop(self, because: str) -> None:
        """The first reason counts."""
        with self._typing:
            if not self._over.is_set():
                self._because = because
                self._over.set()

    def _speak(self) -> None:
        """From the machine to the client."""
        until, warned = time.monotonic() + self.limit_s, self.limit_s <= 2 * WARN_BEFORE_S
        while not self._over.is_set():
            data = self.way.read(BEAT_S)
            if data == b"":
                self.stop("the shell ended")
            elif data:
                self.transcript.printed(data)
                self.line.sendall(frames.frame(frames.PRINTED, data))
            left = until - time.monotonic()
            if left <= 0:
                self.stop(f"its time of {format_time(self.limit_s)} is over")
            elif left < WARN_BEFORE_S and not warned:
                warned = True
                self.line.sendall(frames.frame(frames.NOTICE, f"{left:.0f}s left".encode()))
            if self.transcript.full:
                self.stop("its transcript is full")

    def _listen(self) -> None:
        """From the client to the machine."""
        pieces, input_over, told_at = frames.Frames(), False, 0.0
        self.line.settimeout(DEAF_S)
        while not self._over.is_set():
            if input_over and time.monotonic() - told_at >= END_AGAIN_S:
                told_at = time.monotonic()
                self.way.write(END_OF_INPUT)
            try:
                data = _receive(self.line)
                if data == b"":
                    self.stop("its client is gone")
                    return
                for kind, content in pieces.feed(data or b""):
                    input_over |= kind == frames.INPUT_ENDED
                    self._heed(kind, content)
            except (OSError, ValueError) as broken:
                self.stop(f"its client is gone: {broken}")

    def _heed(self, kind: bytes, content: bytes) -> None:
        if kind == frames.TYPED:
            self.transcript.typed(content)
            self.way.write(content)
        elif kind == frames.WINDOW:
            with contextlib.suppress(ValueError, ValidationError):
                rows, columns = (int(word) for word in content.split())
                self.window = Window(rows=rows, columns=columns, kind=self.window.kind)
                self.transcript.resized(rows, columns)
                self.way.resize(self.window)


def _receive(line: socket.socket) -> bytes | None:
    """What came; None when nothing did within a beat, empty when nobody is there."""
    import select

    if not select.select([line], [], [], BEAT_S)[0]:
        return None
    return line.recv(65536)
