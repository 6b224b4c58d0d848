"""A program at the other end of a terminal of ours: how an interactive tool is driven."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from stoneware.host.run import at_terminal


class OnTerminal:
    """The program, and our end of its terminal. One thread may read while another writes."""

    def __init__(self, process: subprocess.Popen[bytes], handle: int) -> None:
        self._process, self._handle = process, handle
        self._open = True

    @property
    def ended(self) -> bool:
        """Whether the program has."""
        return self._process.poll() is not None

    def read(self, timeout_s: float) -> bytes | None:
        """What it printed; None when there was nothing within the time, empty when it has ended."""
        try:
            if not select.select([self._handle], [], [], timeout_s)[0]:
                return None
            return os.read(self._handle, 65536)
        except (OSError, ValueError):  # EIO: nobody has the other end any more (pty(7))
            return b""

    def write(self, data: bytes) -> None:
        """Types something; nothing happens when it has ended."""
        with contextlib.suppress(OSError, ValueError):
            while data:
                data = data[os.write(self._handle, data) :]

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of its terminal, in characters, and tells it."""
        with contextlib.suppress(OSError, ProcessLookupError):
            _set_size(self._handle, rows, columns)
            self._process.send_signal(signal.SIGWINCH)

    def close(self) -> None:
        """Ends it, and gives the terminal back. Closed already: success."""
        if self._open:
            self._open = False
            self._process.kill()
            self._process.wait()
            os.close(self._handle)
            self._handle = -1


def start(argv: Sequence[str | Path], rows: int, columns: int, env: Mapping[str, str], cwd: Path) -> OnTerminal:
    """Starts a program at a fresh terminal. Raises Misconfigured when there is no such program."""
    ours, its = pty.openpty()
    try:
        _set_size(ours, rows, columns)
        return OnTerminal(at_terminal(argv, its, env=env, cwd=cwd), ours)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(its)


def _set_size(handle: int, rows: int, columns: int) -> None:
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
