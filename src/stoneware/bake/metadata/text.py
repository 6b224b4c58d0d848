"""Metadata as text: whatever bytes a package brings, what comes out is plain."""

from __future__ import annotations

LONGEST = 200


def decoded(content: bytes) -> str:
    """Text without a byte order mark; bytes that are no UTF-8 become U+FFFD."""
    return content.decode("utf-8-sig", errors="replace")


def plain(text: str) -> str:
    """One line of printable characters, of a bounded length; surrogates and control characters become U+FFFD."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words[:LONGEST])


def fields(lines: list[str]) -> dict[str, str]:
    """`Key: value` lines, the first of a key. Continued lines (they begin with a space) are left out."""
    found: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            found.setdefault(key, value.strip())
    return found


def stanzas(text: str) -> list[list[str]]:
    """Blocks of lines with empty lines between them."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line.rstrip("\r"))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
