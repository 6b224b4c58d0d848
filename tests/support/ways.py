"""Reading from a way into a machine."""

from __future__ import annotations

import time

from stoneware.engines.shell import Way


def read_until(way: Way, wanted: str, patience_s: float = 60.0) -> str:
    """All that is printed until `wanted` was."""
    said, until = b"", time.monotonic() + patience_s
    while wanted.encode() not in said:
        got = way.read(0.2)
        assert got != b"", f"the way ended: {said!r}"
        assert time.monotonic() < until, f"no {wanted!r} in {said!r}"
        said += got or b""
    return said.decode("utf-8", "replace")


def asked_until(way: Way, command: str, wanted: str, patience_s: float = 60.0) -> str:
    """The same, for what a command prints as soon as something has happened: asks again until it has."""
    until, said, turn = time.monotonic() + patience_s, "", 0
    while wanted not in said:
        assert time.monotonic() < until, f"no {wanted!r} in {said!r}"
        turn += 1
        way.write(f"{command}; echo turn-$((1000+{turn}))\n".encode())
        said = read_until(way, f"turn-{1000 + turn}", patience_s)
    return said


def ended(way: Way, patience_s: float = 60.0) -> bool:
    """Whether the way ends within the time."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if way.read(0.2) == b"":
            return True
    return False
