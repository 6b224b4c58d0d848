"""Patterns of a COPY or ADD, a part of a path each, by the rules that a build reads them with (Go's path/filepath.Match). Whoever
wrote one may have wanted it to take for ever: a name costs a bounded time."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[*?\[\\]")


def is_plain(part: str) -> bool:
    """Whether it means one name, as it is written."""
    return not _SPECIAL.search(part)


def escaped(path: str) -> str:
    """A pattern for this path alone."""
    return _SPECIAL.sub(r"\\\g<0>", path)


def expression(part: str) -> re.Pattern[str] | None:
    """What names of one part of a path match. None for a pattern that is none: the build refuses it.

    Behind a `*` the first place that fits is as good as any later one, so nothing is ever tried twice (`(?>`).
    """
    fixed, groups, at = "", list[str](), 0
    while at < len(part):
        letter = part[at]
        if letter == "*":
            groups, fixed = [*groups, fixed], ""
            at += len(part[at:]) - len(part[at:].lstrip("*"))
            continue
        read = _one(part, at)
        if read is None:
            return None
        one, at = read
        fixed += one
    if not groups:
        return re.compile(fixed, re.DOTALL)
    first, *between = groups
    return re.compile(f"{first}{''.join(f'(?>.*?{one})' for one in between)}.*{fixed}", re.DOTALL)


def _one(part: str, at: int) -> tuple[str, int] | None:
    """What stands for one letter, as a regular expression, and where the next begins."""
    letter = part[at]
    if letter == "?":
        return ".", at + 1
    if letter == "[":
        return _class(part, at + 1)
    if letter == "\\":
        return (re.escape(part[at + 1]), at + 2) if at + 1 < len(part) else None
    return re.escape(letter), at + 1


def _class(part: str, at: int) -> tuple[str, int] | None:
    negated = part[at : at + 1] == "^"
    at, ranges = at + negated, list[str]()
    while part[at : at + 1] != "]" or not ranges:
        low, at = _letter(part, at)
        high = low
        if low and part[at : at + 1] == "-":
            high, at = _letter(part, at + 1)
        if not low or not high:
            return None
        if low <= high:  # another range is no letter's
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    inner = "".join(ranges)
    if not inner:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inner}]", at + 1


def _letter(part: str, at: int) -> tuple[str, int]:
    """A letter of a class; nothing where there can be none."""
    if part[at : at + 1] == "\\":
        at += 1
    elif part[at : at + 1] in ("-", "]"):
        return "", at
    return part[at : at + 1], at + 1
