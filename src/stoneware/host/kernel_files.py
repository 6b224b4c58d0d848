"""Files of the kernel (proc(5)). A line feed alone ends a line there: in names that stand in one, the kernel escapes that one, and
no other separator of lines."""

from __future__ import annotations

from pathlib import Path


def lines(text: str) -> list[str]:
    """The lines of such a text."""
    return [line for line in text.split("\n") if line]


def lines_of(path: Path) -> list[str]:
    """The lines of such a file. Raises OSError where it isn't, or the process is gone."""
    return lines(path.read_text(errors="surrogateescape"))
