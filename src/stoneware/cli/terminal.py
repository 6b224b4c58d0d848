"""This terminal at one end of a session, the daemon's socket at the other. Without a terminal, input and output are streams."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from stoneware.errors import DaemonUnreachable
from stoneware.host import frames

BEAT_S = 0.2


def window() -> dict[str, object]:
    """This terminal's size and kind, as the API takes them."""
    size = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "") if sys.stdin.isatty() else ""
    return {"rows": max(1, size.lines), "columns": max(1, size.columns), "kind": kind or "dumb"}


def attach(path: Path, notice: Callable[[str], None]) -> str:
    """Passes bytes both ways until the session is over; returns why it is. `notice` gets lines for people.

    Raises DaemonUnreachable when the daemon goes away in the middle.
    """
    with contextlib.closing(_connect(path)) as line, _raw(), _resizes() as resized:
        return _pass_on(line, resized, notice)


def _pass_on(line: socket.socket, resized: list[bool], notice: Callable[[str], None]) -> str:
    pieces, given = frames.Frames(), [sys.stdin.fileno()]
    while True:
        ready = select.select([line, *given], [], [], BEAT_S)[0]
        if resized:
            resized.clear()
            size = shutil.get_terminal_size()
            line.sendall(frames.frame(frames.WINDOW, f"{size.lines} {size.columns}".encode()))
        if given and given[0] in ready:
            typed = os.read(given[0], 65536)
            line.sendall(frames.frame(frames.TYPED, typed) if typed else frames.frame(frames.INPUT_ENDED))
            if not typed:
                given = []
        if line in ready:
            data = line.recv(65536)
            if not data:
                raise DaemonUnreachable(
                    "the daemon went away", "the machine is tainted, and is replaced by the next one"
                )
            for kind, content in pieces.feed(data):
                if kind == frames.PRINTED:
                    sys.stdout.buffer.write(content)
                    sys.stdout.buffer.flush()
                elif kind == frames.NOTICE:
                    notice(content.decode("utf-8", "replace"))
                elif kind == frames.OVER:
                    return content.decode("utf-8", "replace")


def _connect(path: Path) -> socket.socket:
    """Through /proc, for the path of a socket may have 107 characters and a folder's any number."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    handle = -1
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        line.connect(f"/proc/self/fd/{handle}/{path.name}")
    except OSError as away:
        line.close()
        raise DaemonUnreachable(f"no session waits at {path}", "ask for another one") from away
    finally:
        if handle >= 0:
            os.close(handle)
    return line


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the machine, also Ctrl-C; the terminal is as it was afterwards, whatever happens."""
    if not sys.stdin.isatty():
        yield
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setraw(handle)
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizes() -> Iterator[list[bool]]:
    """A list that isn't empty when the window has got another size."""
    told: list[bool] = []
    before = signal.signal(signal.SIGWINCH, lambda *_: told.append(True))
    try:
        yield told
    finally:
        signal.signal(signal.SIGWINCH, before)
