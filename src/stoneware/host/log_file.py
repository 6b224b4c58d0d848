"""A log that several write to, a whole line at a time, and that nobody but its owner reads.

The supervisor of a step (`supervisor.py`) has the same for what it writes: it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

LIMIT_BYTES = 64 * 2**20
CUT = b"(what comes from here on is not kept: it is too much)\n"


def open_log(path: Path) -> int:
    """The end of a log, made when it isn't there; a file descriptor that is written to."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def append_line(path: Path, line: str, most_bytes: int | None = None) -> None:
    """Writes a line. The one that makes the log as large as `most_bytes` is cut, which is said behind it, and none comes after it:
    the size alone says that it was, to any later process. A full disk ends the log, and not whoever writes to it."""
    data = f"{line}\n".encode(errors="replace")
    with contextlib.suppress(OSError):
        handle = open_log(path)
        try:
            size = os.fstat(handle).st_size
            if most_bytes is None or size + len(data) < most_bytes:
                os.write(handle, data)
            elif size < most_bytes:
                os.write(handle, data[: most_bytes - size].rstrip(b"\n") + b"\n" + CUT)
        finally:
            os.close(handle)
