"""Images, folders, files and tags of a build, looked at when nothing in them is left to substitute."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from stoneware.spec.cloudbuild.file import Complaints
from stoneware.spec.yaml_lines import Path, shown

WORKSPACE = "/workspace"
LONGEST_NAME = 255
LONGEST_PATH = 4095
"""What Linux takes, in bytes (NAME_MAX and PATH_MAX of limits.h)."""
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?")
_TRANSPORTS = "dir docker docker-archive docker-daemon oci oci-archive ostree sif tarball containers-storage".split()
"""What podman takes for a way to fetch an image, when it stands before the first colon (containers-transports(5))."""
_ONE_TAG = re.compile(_TAG)


def image(name: str, path: Path, say: Complaints) -> str:
    """An image's name, in the form that registries know (the OCI distribution specification's)."""
    if say.touches(path) or _fits(name):
        return name
    right = "write it like registry/name:tag"
    if "//" in name or name.endswith((":", "/")) or name.startswith("/"):
        right = "a part of it is empty: a substitution may have no value"
    elif name.partition(":")[0] in _TRANSPORTS:
        right = "write localhost/ before it"
    elif _fits(name.lower()):
        right = "write it in lower case"
    say.wrong(path, f"{shown(name)} is no name of an image", right)
    return name


def _fits(name: str) -> bool:
    # the expression takes longer the longer a name is; registries know none above 255 characters
    return len(name) <= 512 and _IMAGE.fullmatch(name) is not None and not is_transport(name)


def is_transport(name: str) -> bool:
    """Whether podman would take it for a place to fetch an image from: `oci:latest`."""
    head, colon, _ = name.partition(":")
    return bool(colon) and head in _TRANSPORTS


def folder(given: str, path: Path, say: Complaints) -> str:
    """The absolute folder of a step. What is relative stays below the workspace."""
    found = posixpath.normpath(posixpath.join(WORKSPACE, given))
    if not given.startswith("/") and not _is_below(found):
        say.wrong(path, f"{shown(given)} leads out of the workspace", "write a folder below it, or an absolute one")
    elif any(_bytes(part) > LONGEST_NAME for part in found.split("/")):
        say.wrong(path, f"{shown(given)} has a part of more than {LONGEST_NAME} bytes", "write a shorter name")
    elif _bytes(found) > LONGEST_PATH:
        say.wrong(path, f"{shown(given)} has more than {LONGEST_PATH} bytes", "write a folder that is not so deep")
    return found.replace("//", "/")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _is_below(path: str) -> bool:
    return path == WORKSPACE or path.startswith(f"{WORKSPACE}/")


def location(given: str, path: Path, say: Complaints) -> str:
    """The folder where artifacts go: absolute, or empty for the build's own."""
    bare = given.removeprefix("file://")
    if "://" in bare:
        kind = bare.partition("://")[0]
        right = "write file:///a/folder of this host, or leave location out: the build keeps them"
        say.wrong(path, f"{kind}:// can't be reached from here", right, "build-key-refused")
    elif bare and (not bare.startswith("/") or ".." in bare.split("/")):
        say.wrong(
            path, f"{shown(given)} is no absolute folder", "write it like /srv/artifacts or file:///srv/artifacts"
        )
    return posixpath.normpath(bare).replace("//", "/") if bare else ""


def kept_paths(paths: Sequence[str], path: Path, say: Complaints) -> tuple[str, ...]:
    """Paths of artifacts, relative to the workspace."""
    found = []
    for at, given in enumerate(paths):
        inside = posixpath.normpath(posixpath.join(WORKSPACE, given)).replace("//", "/")
        if not given:
            say.wrong((*path, at), "is empty", "write a path below the workspace, such as dist/*")
        elif any(one.isspace() for one in given):
            say.wrong((*path, at), f"{shown(given)} has a space", "name files without spaces, or use ?")
        elif not _is_below(inside):
            say.wrong(
                (*path, at), f"{shown(given)} leads out of the workspace", "write a path below it, such as dist/*"
            )
        found.append(inside.removeprefix(WORKSPACE).strip("/") or ".")
    return tuple(dict.fromkeys(found))


def tags(given: Sequence[str], say: Complaints) -> tuple[str, ...]:
    """Each once; one that became empty is none."""
    for at, one in enumerate(given):
        if one and not _ONE_TAG.fullmatch(one) and not say.touches(("tags", at)):
            say.wrong(("tags", at), f"{shown(one)} is no tag", "use letters, digits, _, . and -, at most 128")
    return tuple(dict.fromkeys(one for one in given if one))
