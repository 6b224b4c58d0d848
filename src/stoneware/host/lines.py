"""What a program prints, as lines: as a terminal would show them in the end, and none of them longer than the memory that it may
take."""

from __future__ import annotations

from collections.abc import Callable

from stoneware.host.supervisor import LONGEST_LINE


class Lines:
    """Hands over each line as it comes. Of one that overwrites itself, as a progress bar does, it is what stays; one of more than
    `LONGEST_LINE` bytes comes in pieces."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self.line = line
        self.rest = b""

    def write(self, data: bytes) -> None:
        """More of what it prints. The end stays here as long as it may go on."""
        *whole, last = (self.rest + data).split(b"\n")
        for text in whole:
            self._cut(text.rstrip(b"\r"))
        ended = last.rstrip(b"\r")
        # what comes next says whether a carriage return at the end belongs to the line's end, or begins it anew
        self.rest = self._pieces(_what_stays(ended)) + last[len(ended) :][:1]

    def end(self) -> None:
        """Nothing comes any more."""
        rest, self.rest = self.rest, b""
        if rest:
            self._cut(rest.rstrip(b"\r"))

    def _cut(self, text: bytes) -> None:
        self.line(self._pieces(_what_stays(text)).decode("utf-8", "replace"))

    def _pieces(self, text: bytes) -> bytes:
        """What is left of a line whose beginning is too long to be kept."""
        while len(text) > LONGEST_LINE:
            size = next(at for at in range(LONGEST_LINE, 0, -1) if text[at] & 0xC0 != 0x80 or at == LONGEST_LINE - 3)
            self.line(text[:size].decode("utf-8", "replace"))
            text = text[size:]
        return text


def _what_stays(text: bytes) -> bytes:
    return text.rpartition(b"\r")[2]
