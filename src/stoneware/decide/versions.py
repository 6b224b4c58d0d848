"""Which of two versions is newer, by the rules of the package manager that they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from packaging.version import Version

_PART = re.compile(r"([^0-9]*)([0-9]*)")
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)

Digits = tuple[int, str]
Key = tuple[Any, ...]


def order(type_: str, before: str, after: str) -> int | None:
    """-1 when `after` is newer, 1 when it is older, 0 when they are equal; None when the rules don't say."""
    key = _KEYS.get(type_)
    one, other = (key(before), key(after)) if key else (None, None)
    if one is None or other is None:
        return None
    return (one > other) - (one < other)


def debian_key(version: str) -> Key:
    """Sorts as deb-version(7) says: epoch, upstream version, revision; none of the two that may be missing is 0.

    A version is never refused: what stands before a colon and is no number belongs to the upstream version.
    """
    epoch, colon, rest = version.partition(":")
    if not colon or not _is_digits(epoch):
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return _digits(epoch), _text_key(upstream), _text_key(revision)


def _text_key(text: str) -> Key:
    """Words and numbers in turn. A tilde sorts before the end, the end before letters, letters before the rest."""
    parts = [(_letters(word), _digits(number)) for word, number in _PART.findall(text)]
    end = ((0,), _digits(""))
    while parts and parts[-1] == end:  # nothing and zero are the same: "a" is "a0", and "" is "0"
        parts.pop()
    return (*parts, end)


def _letters(word: str) -> tuple[int, ...]:
    return (*(_weight(letter) for letter in word), 0)


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isascii() and letter.isalpha() else ord(letter) + 256


def _digits(number: str) -> Digits:
    """A number of any length, without making it an int: a hostile one is a million digits long."""
    plain = number.lstrip("0")
    return len(plain), plain


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def semver_key(version: str) -> Key | None:
    """Sorts as Semantic Versioning 2.0.0, item 11, says; None when it is no such version."""
    found = _SEMVER.fullmatch(version)
    if found is None:
        return None
    major, minor, patch, pre = found.groups()
    # a pre-release comes before its release; in it, numbers come before words
    words = (
        [(0, _digits(word), "") if _is_digits(word) else (1, (0, ""), word) for word in pre.split(".")] if pre else []
    )
    return _digits(major), _digits(minor), _digits(patch), not pre, tuple(words)


def _python_key(version: str) -> Key | None:
    """Sorts as the Python packaging specification "Version specifiers" says; None when it is no such version."""
    try:
        return (Version(version),)
    except ValueError:  # no version, or a number with more digits than Python makes an int of
        return None


_KEYS: dict[str, Callable[[str], Key | None]] = {"deb": debian_key, "npm": semver_key, "pypi": _python_key}
