"""The log of a supervised program has a limit that nothing gets around."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.host.supervisor import LONGEST_LINE, MOST_STATES, Log, Pen


def test_empty_lines_and_prefixes_count(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "Step #0: ", 10_000)
    for _ in range(5_000):
        log.line(b"")
    said = (tmp_path / "log").read_text()
    assert len(said) < 10_200 and said.count("is not kept: it is too much") == 1


def written(tmp_path: Path, *pieces: bytes) -> list[str]:
    """The lines that come of what is printed in these pieces."""
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    pen = Pen(Log(str(path), "", 2**26))
    for piece in pieces:
        pen.write(piece)
    pen.end()
    return path.read_text().split("\n")[:-1]


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (b"ERROR: test 17 failed\rok\n", ["ERROR: test 17 failed", "ok"]),
        (b"one\r\ntwo\r\r\n\n\r\nthree", ["one", "two", "", "", "three"]),
        (b"one\r", ["one"]),
        (b"\rone\rtwo\r\r\rthree\r\n", ["one", "two", "three"]),
        (b"", []),
        (b"x" * LONGEST_LINE + b"\n", ["x" * LONGEST_LINE]),
        (b"x" * (LONGEST_LINE + 1) + b"\ry\n", ["x" * LONGEST_LINE, "x", "y"]),
        (b"\r" * 300_000 + b"end", ["end"]),
    ],
)
def test_what_a_terminal_would_overwrite_is_kept(printed: bytes, lines: list[str], tmp_path: Path) -> None:
    assert written(tmp_path, printed) == lines
    if len(printed) < 100:
        assert written(tmp_path, *(printed[at : at + 1] for at in range(len(printed)))) == lines


def test_of_a_progress_bar_not_all_states_are_kept_and_every_word_is(tmp_path: Path) -> None:
    bar = b"".join(b"\rgot %d%% [%s>] \xe2\x96\x88" % (at // 10, b"=" * (at // 20)) for at in range(1000))
    lines = written(tmp_path, bar + b"\rERROR: it broke\r" + bar + b"\r\ndone\n")
    assert len(lines) == 2 * (MOST_STATES + 2) + 2
    assert lines[MOST_STATES] == lines[-3] == f"({1000 - MOST_STATES - 1} more like these are not kept)"
    assert lines[MOST_STATES + 2] == "ERROR: it broke"
    assert lines[0] == "got 0% [>] \u2588" and lines[-1] == "done"
    assert lines[MOST_STATES + 1] == lines[-2] == "got 99% [" + "=" * 49 + ">] \u2588"


def test_a_line_without_an_end_is_kept_piece_by_piece(tmp_path: Path) -> None:
    assert "".join(written(tmp_path, *[b"abc" * 1000] * 100)) == "abc" * 100_000
