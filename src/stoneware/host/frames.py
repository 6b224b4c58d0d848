"""How a session's client and its daemon speak over one socket: frames of a letter, a length and as many bytes."""

from __future__ import annotations

import struct

HEAD = struct.Struct(">cI")
LONGEST_BYTES = 2**20

TYPED, WINDOW, INPUT_ENDED = b"d", b"w", b"e"
"""From the client: bytes that were typed; rows and columns as `ROWS COLUMNS`; nothing more will be typed."""
PRINTED, NOTICE, OVER = b"o", b"n", b"x"
"""To the client: bytes that were printed; a line for people; why it is over."""


def frame(kind: bytes, content: bytes = b"") -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(content)) + content


class Frames:
    """Puts what comes in pieces together again."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The frames that are whole now. Raises ValueError for one that is longer than any is."""
        self._buffer += data
        found = []
        while len(self._buffer) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._buffer)
            if length > LONGEST_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            if len(self._buffer) < HEAD.size + length:
                break
            found.append((kind, self._buffer[HEAD.size : HEAD.size + length]))
            self._buffer = self._buffer[HEAD.size + length :]
        return found
