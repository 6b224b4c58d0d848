"""Paths by pattern, as build triggers and artifacts write them: `*`, `?` and `[a-z]` within a part, `**` for parts.

Patterns come from commits that nobody has looked at, so the time that a match takes grows with the product of both lengths, and
never faster.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

ANY = "**"


def matches_glob(pattern: str, path: str) -> bool:
    """Whether the whole path fits. `docs/**` is everything below docs; `**/*.md` every such file, at the top as well."""
    parts = path.split("/")
    wanted = [_as_fnmatch(one) for one in pattern.removeprefix("./").split("/")]
    fits = [True, *[False] * len(parts)]  # which beginnings of the path fit what was looked at of the pattern
    for at, one in enumerate(wanted):
        if one == ANY:
            first = fits.index(True) if True in fits else len(parts) + 1
            begin = first + 1 if at == len(wanted) - 1 else first  # at the end, something has to be below
            fits = [number >= begin for number in range(len(parts) + 1)]
        else:
            fits = [False, *(fits[number] and fnmatchcase(part, one) for number, part in enumerate(parts))]
    return fits[-1]


def _as_fnmatch(part: str) -> str:
    """What isn't is written with `^` in one world and with `!` in the other."""
    return part.replace("[^", "[!")
