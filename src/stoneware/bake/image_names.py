"""Which names of images a commit's recipe may say. buildah takes much for a name that leads to other things than a published image:
the beginning of any image's id, whoever's it is, and a file of the host (containers-transports(5)).
"""

from __future__ import annotations

import re

from stoneware.bake.base import BASE
from stoneware.names import split_image_name

OWN = "localhost"
TRANSPORTS = (
    "atomic",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "ostree",
    "sha256",
    "sif",
    "tarball",
)
NO_NAME = "that isn't the name of an image with its registry, of an image FAMILY/N, or of an earlier stage"
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?P<path>(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""As references of images are written (github.com/distribution/reference)."""


def is_like_an_id(name: str) -> bool:
    """Whether buildah may take it for the beginning of an image's id."""
    return _HEX.fullmatch(name) is not None


def objection(name: str) -> str:
    """Why a recipe of a commit may not name this image; empty for one that it may."""
    if "$" in name:
        return "its name is only known to the build"
    found = _NAME.fullmatch(name)
    if is_like_an_id(name) or name.partition(":")[0] in TRANSPORTS or found is None:
        return NO_NAME
    first, slash, rest = found["path"].partition("/")
    if slash and first != OWN and ("." in first or ":" in first):
        return ""
    if first != first.lower():
        return NO_NAME
    path = rest if slash and first == OWN else found["path"]
    plain = name.removeprefix(f"{OWN}/").removesuffix(":latest")
    known = plain == BASE or split_image_name(plain) is not None
    if not known and (first in (OWN, BASE.partition("/")[0]) or split_image_name(path) is not None):
        return f"no such image is published here: our base is {BASE}, our images are FAMILY/N"
    return ""
