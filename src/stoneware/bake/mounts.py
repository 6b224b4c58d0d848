"""What a commit's recipe may mount in a step. buildah (1.28) finds the source of a mount as the host sees it: through links that
lie in the context or in another stage, and out of its cache by an id with dots. So only what can be told beforehand is let through.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from stoneware.bake.mount_words import SOURCES, TARGETS

READ_ONLY = ("ro", "readonly")
KEYS = {
    "bind": (*TARGETS, *SOURCES, *READ_ONLY),
    "cache": (*TARGETS, *READ_ONLY, "id", "mode", "uid", "gid", "sharing"),
    "tmpfs": (*TARGETS, "size", "tmpfs-size", "tmpfs-mode"),
}
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PATH = re.compile(r"[A-Za-z0-9_./+@-]+")


def objection(value: str, context: Path) -> str:
    """Why a commit's recipe may not have this mount (`type=cache,target=/x`): the end of a sentence, empty for one that it may."""
    pairs = [part.partition("=")[::2] for part in value.split(",")]
    given = dict(pairs)
    if pairs[0][0] != "type":  # where it isn't the first word, buildah takes that of the mount before
        return "doesn't begin with its type"
    kind = given["type"]
    if kind not in KEYS:
        return f"of type {kind} isn't to be had: {', '.join(KEYS)} are"
    if len(pairs) != len(given):
        return "says something twice"
    for key, said in pairs:
        if key not in ("type", *KEYS[kind]):
            return f"of type {kind} can't have `{key}` here"
        if wrong := _wrong(key, said):
            return wrong
    if not any(key in given for key in TARGETS):
        return "says nothing of its target"
    return leading_out(next((given[key] for key in SOURCES if key in given), ""), context) if kind == "bind" else ""


def place_of_cache(value: str) -> tuple[str, ...]:
    """Where buildah keeps a cache that has no objection, below the folder of all of them: at its id, or where it is seen. Empty for
    a mount of another type.

    A step may write to it, so another one that lay within it would be found through the links that it has put there.
    """
    given = dict(part.partition("=")[::2] for part in value.split(","))
    if given.get("type") != "cache":
        return ()
    return PurePosixPath((given.get("id") or next(given[key] for key in TARGETS if key in given)).lstrip("/")).parts


def _wrong(key: str, said: str) -> str:
    if key in TARGETS:
        parts = PurePosixPath(said).parts
        fits = _PATH.fullmatch(said) is not None and ".." not in parts and parts[:1] == ("/",) != parts
    elif key in SOURCES:
        fits = _PATH.fullmatch(said) is not None
    elif key in READ_ONLY:
        fits = said in ("", "true")
    elif key == "sharing":  # others make a file in the cache, through any link that a step has put there
        fits = said == "shared"
    else:
        fits = _PLAIN.fullmatch(said) is not None
    return "" if fits else f"has a `{key}` that isn't plain"


def leading_out(source: str, context: Path) -> str:
    """What of a path below the context may lead out of it."""
    place = context
    for part in PurePosixPath(source.lstrip("/")).parts:
        place /= part
        if part == ".." or place.is_symlink():
            return f"has a source that leads elsewhere, at {part!r}"
        if not place.exists():
            return f"has a source that isn't there: {source}"
    return ""
