"""A transcript: what was typed and printed in a session, with times, as a file in the format asciicast v2
(docs.asciinema.org/manual/asciicast/v2), which players know.

It is written as it happens, so that the end of the process loses nothing but its last moment.
"""

from __future__ import annotations

import codecs
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from stoneware.host.files import sha256_of
from stoneware.outside import parsed

MOST_BYTES = 16 * 2**20
"""Where a transcript is full, its session ends: what goes on behind the end of a record isn't on record."""


class Transcript:
    """Made anew, for its owner only. `full` says that no more fits."""

    def __init__(self, path: Path, *, rows: int, columns: int, kind: str, began_at: float, title: str) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._out = os.fdopen(handle, "w", encoding="utf-8")
        self._began = time.monotonic()
        self._room = MOST_BYTES
        self._lock = threading.Lock()
        self._decoders = {kind: codecs.getincrementaldecoder("utf-8")("replace") for kind in "io"}
        head = {"version": 2, "width": columns, "height": rows, "timestamp": int(began_at)}
        self._write({**head, "env": {"TERM": kind}, "title": title})

    @property
    def full(self) -> bool:
        return self._room <= 0

    def printed(self, data: bytes) -> None:
        """What the machine said."""
        self._event("o", self._decoders["o"].decode(data))

    def typed(self, data: bytes) -> None:
        """What somebody typed, whether the machine shows it or not."""
        self._event("i", self._decoders["i"].decode(data))

    def resized(self, rows: int, columns: int) -> None:
        """The window got another size."""
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        """All of it is on the disk."""
        with self._lock:
            if not self._out.closed:
                self._out.flush()
                os.fsync(self._out.fileno())
                self._out.close()

    def _event(self, kind: str, text: str) -> None:
        if text:
            self._write([round(time.monotonic() - self._began, 6), kind, text])

    def _write(self, value: object) -> None:
        line = json.dumps(value, separators=(",", ":")) + "\n"
        with self._lock:
            if self._room > 0 and not self._out.closed:
                self._room -= len(line)
                self._out.write(line)
                self._out.flush()


def seal(path: Path) -> tuple[str, int]:
    """The SHA-256 (hex) and the size (bytes) of a transcript; nothing and 0 when there is none."""
    try:
        return sha256_of(path), path.stat().st_size
    except FileNotFoundError:
        return "", 0


def events(text: str) -> Iterator[tuple[float, str, str]]:
    """What happened in it, in order: seconds since its beginning, `o`, `i` or `r`, and the text. A last line that was cut off is
    passed over. Raises ValueError for what is no transcript."""
    head, *lines = text.splitlines() or [""]
    first = parsed(head)
    if not isinstance(first, dict) or first.get("version") != 2:
        raise ValueError("not an asciicast of version 2")
    for number, line in enumerate(lines, 2):
        try:
            at, kind, what = parsed(line)
        except ValueError:
            if number == len(lines) + 1:
                return
            raise
        yield float(at), str(kind), str(what)
