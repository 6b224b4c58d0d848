"""Which files of a recipe's folder its patterns mean, as the build finds them: part by part, with `**` for any number of folders,
which newer builds know (buildah, `copier`).

Whoever wrote the recipe may have wanted to read what lies beside the folder, or this to take for ever: no link is followed out of
it, and all names together have a limit.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.bake.patterns import expression, is_plain
from stoneware.errors import BakeFailed

LONGEST = 4096
"""Of a path, in bytes (PATH_MAX): none that is longer names a file."""
LONGEST_NAME = 255
"""The same of one name (NAME_MAX)."""
MOST_NAMES = 2_000_000
"""Names that a recipe looks at, each time that it does: a folder of 100,000 files has room for 20 patterns with `**`."""
_ANY_DEPTH = "**"


@dataclass
class Search:
    """The files of one folder, for the patterns of one recipe."""

    folder: Path
    left: int = MOST_NAMES
    _names: dict[Path, list[str]] = field(default_factory=dict)
    _known: dict[str, list[Path]] = field(default_factory=dict)

    def matching(self, pattern: str) -> list[Path]:
        """Everything in the folder that it means, by name. Raises BakeFailed where that is too much to find out."""
        if not _may_be(pattern, LONGEST):
            return []
        if pattern not in self._known:
            self._known[pattern] = self._find(pattern)
        return self._known[pattern]

    def _find(self, pattern: str) -> list[Path]:
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
                self.count(1)
                if (inside / name).is_dir() and not (inside / name).is_symlink():
                    waiting.append(inside / name)
                    yield inside / name

    def _found(self, place: Path, part: str) -> Iterable[str]:
        """The names in a folder that a part of a pattern means: by its signs, or as it is written."""
        if part in ("", ".", ".."):
            return []
        plain = [part] if _may_be(part, LONGEST_NAME) and os.path.lexists(place / part) else []
        if is_plain(part):
            return plain
        names, meant = self._names_in(place), expression(part)
        self.count(len(names))
        return dict.fromkeys([*plain, *(name for name in names if meant and meant.fullmatch(name))])

    def _names_in(self, place: Path) -> list[str]:
        if place not in self._names:
            self._names[place] = sorted(path.name for path in place.iterdir())
        return self._names[place]

    def count(self, names: int) -> None:
        """Raises BakeFailed when these are more than are left."""
        self.left -= names
        if self.left < 0:
            raise BakeFailed(
                f"COPY, ADD and mounts look at more than {MOST_NAMES} names",
                next_step="name folders, or files, in place of patterns, and none within another",
                code="recipe-failed",
            )


def _may_be(text: str, longest: int) -> bool:
    """Whether something in a file system can be called so."""
    try:
        return len(os.fsencode(text)) <= longest
    except UnicodeEncodeError:  # half of a letter, as JSON can write it
        return False
