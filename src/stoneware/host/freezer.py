"""A program of its own: freezes a file system, and thaws it when it is told to, when its parent is gone, or when the time is over.

No death of the daemon leaves a frozen file system behind, because the daemon isn't who freezes it.

    python freezer.py MOUNT_POINT SECONDS

It prints `frozen`, waits for anything (or the end) on its input, and prints `thawed`; or `late` when the time was over before.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from pathlib import Path

FIFREEZE = 0xC0045877
FITHAW = 0xC0045878


def main(point: str, limit_s: float) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    handle = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    if os.fstat(handle).st_dev == Path(point).parent.stat().st_dev:
        raise SystemExit("nothing is mounted there")  # it would be the file system around it that stands still
    fcntl.ioctl(handle, FIFREEZE, 0)
    try:
        _say("frozen\n")
        asked = bool(select.select([0], [], [], limit_s)[0])
    finally:
        fcntl.ioctl(handle, FITHAW, 0)
    _say("thawed\n" if asked else "late\n")
    return 0


def _say(line: str) -> None:
    try:
        os.write(1, line.encode())
    except OSError:
        return  # nobody hears us: the input has ended, too


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
