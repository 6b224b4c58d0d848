"""A file system that stands still for a moment, so that a copy of what lies beneath it is one point in time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stoneware.errors import Refused, Unreachable

FREEZER = Path(__file__).with_name("freezer.py")
PATIENCE_S = 30.0
"""What writing everything out may take on top: the kernel does so before it freezes."""


@contextmanager
def frozen(point: Path, limit_s: float) -> Iterator[None]:
    """Freezes the file system mounted at `point` for as long as the body takes, at most `limit_s` seconds: whoever writes waits.

    Raises Unreachable when it can't be frozen now, Refused when the body took longer (it goes on, unfrozen, and what it
    did counts for nothing).
    """
    words = [sys.executable, "-I", "-S", str(FREEZER), str(point), str(limit_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as freezer:
        words_in, words_out = freezer.stdin, freezer.stdout
        if words_in is None or words_out is None or freezer.stderr is None:
            raise Unreachable(f"{point} can't be frozen: its freezer has no pipes")
        if words_out.readline() != b"frozen\n":
            last = freezer.stderr.read().decode("utf-8", "replace").strip().splitlines()[-1:] or ["no answer"]
            raise Unreachable(f"{point} can't be frozen: {last[0]}")
        try:
            yield
        finally:
            words_in.close()  # its end is the word to thaw
            said = words_out.readline()
            freezer.wait(PATIENCE_S)
    if said != b"thawed\n":
        why = f"{point} was to stand still for at most {limit_s:g}s, and the copy took longer"
        raise Refused(why, "try again when less is written, or when its machine is stopped")
