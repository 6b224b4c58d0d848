"""Output in any pieces comes to the same lines."""

from __future__ import annotations

import pytest

from stoneware.host.lines import Lines
from stoneware.host.supervisor import LONGEST_LINE


def lines_of(*pieces: bytes) -> list[str]:
    found: list[str] = []
    lines = Lines(found.append)
    for piece in pieces:
        lines.write(piece)
    lines.end()
    return found


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (b"", []),
        (b"one\n\ntwo", ["one", "", "two"]),
        (b"one\r\ntwo\r\r\n\r\nthree\r", ["one", "two", "", "three"]),
        (b"10%\r100%\nbad \xff byte\r", ["100%", "bad \ufffd byte"]),
        (b"\r\r", [""]),
        ("ä\u2028\x0bö\n".encode(), ["ä\u2028\x0bö"]),
    ],
)
def test_lines_are_what_stays(printed: bytes, lines: list[str]) -> None:
    assert lines_of(printed) == lines
    assert lines_of(*(printed[at : at + 1] for at in range(len(printed)))) == lines


def test_a_line_that_is_too_long_comes_in_pieces_of_whole_letters() -> None:
    text = "x" + "ä" * 50_000
    for pieces in ([text.encode()], [text.encode()[at : at + 1000] for at in range(0, 100_001, 1000)]):
        lines = lines_of(*pieces, b"\nnext\n")
        assert "".join(lines) == f"{text}next"
        assert {len(line.encode()) for line in lines[:-2]} <= {LONGEST_LINE - 1, LONGEST_LINE}
    assert lines_of(b"x" * LONGEST_LINE + b"\n") == ["x" * LONGEST_LINE]
    assert [len(line) for line in lines_of(b"\x80" * (LONGEST_LINE + 5))] == [LONGEST_LINE - 3, 8]
    assert lines_of(b"x" * LONGEST_LINE * 3 + b"\rend\n")[-1] == "end"
