"""What a RUN mounts that others have made, read from its `--mount` options (buildah-build(1), Dockerfile reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stoneware.bake.instructions import Instruction

TARGETS = ("target", "dst", "destination")
SOURCES = ("source", "src")
SHOWING = ("bind", "cache")
OWN = ("tmpfs", "secret", "ssh")
"""Types that show nothing of the recipe's folder, of a stage or of an image."""
PLAIN_FLAG = re.compile(r"[!#%&(-\[\]-~]+")
"""An option without quotes, backslashes and variables: a build reads it as it is written."""


@dataclass(frozen=True)
class Mount:
    """`source` is a path below the recipe's folder, or below that of `origin`: a stage, or an image."""

    source: str
    origin: str = ""


def mounts_of(one: Instruction) -> list[Mount] | None:
    """What a step sees of others, in its order; None when only the build knows."""
    found = []
    for flag in one.flags if one.name == "RUN" else ():
        key, _, value = flag.partition("=")
        if key not in ("mount", "network", "security") or not PLAIN_FLAG.fullmatch(flag):
            return None
        pairs = [part.partition("=")[::2] for part in value.split(",")]
        given = dict(pairs)
        if key != "mount" or given.get("type") in OWN:
            continue
        if pairs[0][0] != "type" or given["type"] not in SHOWING or len(given) != len(pairs):
            return None
        if given["type"] == "bind" or "from" in given:
            source = next((given[name] for name in SOURCES if name in given), "")
            found.append(Mount(source, given.get("from", "")))
    return found
