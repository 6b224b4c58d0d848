"""Which files of a recipe's folder a COPY or ADD means, as the build finds them: by the rules of Go's path/filepath.Match for each
part of a path, and with `**` for any number of folders, which newer builds know (buildah, `copier`).

Whoever wrote the recipe may have wanted this to take for ever, or to read what lies beside the folder: each name costs a bounded
time, all of them together have a limit, and no link is followed out of the folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.errors import BakeFailed

LONGEST = 4096
"""Of a path, in bytes (PATH_MAX): none that is longer names a file."""
LONGEST_NAME = 255
"""The same of one name (NAME_MAX)."""
MOST_NAMES = 2_000_000
"""Names that the patterns of a recipe are compared with: a folder of 100,000 files has room for 20 patterns with `**`."""
_MAGIC = re.compile(r"[*?\[\\]")
_ANY_DEPTH = "**"


def escaped(path: str) -> str:
    """A pattern for this path alone."""
    return _MAGIC.sub(r"\\\g<0>", path)


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


@dataclass
class Patterns:
    """The files of one folder, for the patterns of one recipe."""

    folder: Path
    left: int = MOST_NAMES
    _names: dict[Path, list[str]] = field(default_factory=dict)
    _known: dict[str, list[Path]] = field(default_factory=dict)

    def matching(self, pattern: str) -> list[Path]:
        """Everything in the folder that it means, by name. Raises BakeFailed where that is too much to find out."""
        if len(pattern.encode("utf-8", "surrogateescape")) > LONGEST:
            return []
        if pattern not in self._known:
            self._known[pattern] = self._search(pattern)
        return self._known[pattern]

    def _search(self, pattern: str) -> list[Path]:
        places, last = [self.folder], pattern
        while "/" in last:
            part, _, last = last.partition("/")
            if part == _ANY_DEPTH:
                places = self._folders(inner for place in places for inner in self._below(place))
            else:
                places = self._folders(place / name for place in places for name in self._found(place, part))
        return [place / name for place in places for name in self._found(place, last)]

    def _folders(self, paths: Iterable[Path]) -> list[Path]:
        """Those that are folders, each once, however many ways lead there; a link out of the recipe's folder is none."""
        top, found = self.folder.resolve(), dict[Path, Path]()
        for path in paths:
            with contextlib.suppress(OSError, RuntimeError):  # not there, or a link that leads to itself
                if stat.S_ISDIR(path.stat().st_mode) and (real := path.resolve()).is_relative_to(top):
                    found.setdefault(real, path)
        return [*found.values()]

    def _below(self, place: Path) -> Iterator[Path]:
        """It, and all folders in it."""
        yield place
        waiting = [place]
        while waiting:
            inside = waiting.pop()
            for name in self._names_in(inside):
                self._count(1)
                if (inside / name).is_dir() and not (inside / name).is_symlink():
                    waiting.append(inside / name)
                    yield inside / name

    def _found(self, place: Path, part: str) -> Iterable[str]:
        """The names in a folder that a part of a pattern means: by its signs, or as it is written."""
        if part in ("", ".", ".."):
            return []
        plain = [part] if len(os.fsencode(part)) <= LONGEST_NAME and os.path.lexists(place / part) else []
        if not _MAGIC.search(part):
            return plain
        names, meant = self._names_in(place), expression(part)
        self._count(len(names))
        return dict.fromkeys([*plain, *(name for name in names if meant and meant.fullmatch(name))])

    def _names_in(self, place: Path) -> list[str]:
        if place not in self._names:
            self._names[place] = sorted(path.name for path in place.iterdir())
        return self._names[place]

    def _count(self, names: int) -> None:
        self.left -= names
        if self.left < 0:
            raise BakeFailed(
                f"the patterns of COPY and ADD are compared with more than {MOST_NAMES} names",
                next_step="name folders, or files, in place of patterns",
                code="recipe-failed",
            )
