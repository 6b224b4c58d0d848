"""A container's console as conmon logs it (`TIME STREAM F|P TEXT`, the format of Kubernetes' kubelet): the text alone."""

from __future__ import annotations

from pathlib import Path

LINE_GUESS_BYTES = 400


def tail(path: Path, lines: int) -> str:
    """The last lines of a console, read from the file's end. Empty when nothing was logged."""
    try:
        with path.open("rb") as source:
            source.seek(max(0, path.stat().st_size - lines * LINE_GUESS_BYTES))
            read = source.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(plain(read).splitlines()[-lines:])


def plain(log: str) -> str:
    """The text of whole log lines. `P` marks a part, which the next line goes on with."""
    text = ""
    for line in log.split("\n"):
        fields = line.split(" ", 3)
        if len(fields) == 4 and fields[2] in ("F", "P"):
            text += fields[3].replace("\r", "") + ("" if fields[2] == "P" else "\n")
    return text
