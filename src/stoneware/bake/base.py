"""The base that recipes start from: `stoneware/debian:12`, a Debian with systemd that we make ourselves, without a registry.

It is made by mmdebstrap from the mirror that the host's administrator chose (`STONEWARE_DEBIAN_SOURCES`, a file in the form
of sources.list(5)), or mmdebstrap's own default.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from stoneware.bake.inventory import take_inventory
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, Misconfigured, ToolFailed
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.model.component import Component
from stoneware.model.noun import Noun

BASE = "stoneware/debian:12"
LOCAL = f"localhost/{BASE}"
SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "ca-certificates")
EPOCH = 1_700_000_000
"""The time that all files of our images carry (seconds since the epoch): one number, so that equal content is equal bytes."""

LEFT_OUT = ("doc/*", "man/*", "locale/*", "info/*", "lintian/*")
MOUNTS_OF_ITS_OWN = ("unshare", "--mount", "--propagation", "slave", "--")
POLICY = "#!/bin/sh\n# nothing starts while an image is built\nexit 101\n"


def sources() -> list[str]:
    """What mmdebstrap is told about mirrors: nothing, or the administrator's file."""
    named = os.environ.get("STONEWARE_DEBIAN_SOURCES", "")
    if named and not Path(named).is_file():
        raise Misconfigured(f"STONEWARE_DEBIAN_SOURCES names {named}, which is no file", "name a file, or unset it")
    return [named] if named else []


def debootstrap_words(variant: str, include: tuple[str, ...], target: Path, *more: str | Path) -> list[str | Path]:
    """mmdebstrap's words for a tree of the suite in a folder; `more` are options of its own.

    It mounts /proc and others in the tree. Mounts of its own end with it, even when it is killed; those of the host that are
    taken away meanwhile go here, too.
    """
    words: list[str | Path] = [*MOUNTS_OF_ITS_OWN, "mmdebstrap", "--format=directory", *more]
    words += [f"--variant={variant}", f"--include={','.join(include)}"]
    if variant != "extract":
        words += [f"--dpkgopt=path-exclude=/usr/share/{pattern}" for pattern in LEFT_OUT]
        words += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    return [*words, SUITE, target, *sources()]


def unfetched(what: str, failed: ToolFailed) -> BakeFailed:
    """Why packages didn't come: there is no room for them, or no way to them."""
    if "No space left" in failed.tail:
        return BakeFailed(
            f"{what}: no space left on the disk",
            "mmdebstrap",
            failed.tail,
            "free some space and bake again",
            code="disk-full",
        )
    hint = "check the network and the mirror (STONEWARE_DEBIAN_SOURCES)"
    return BakeFailed(what, "mmdebstrap", failed.tail, hint, code="base-unavailable")


class BaseRecord(Noun):
    """A base as it was made: `digest` identifies it (the id of its image), `packages` pins all that it consists of."""

    name: str
    digest: str
    made_at: float
    packages: tuple[Component, ...]


def ensure_base(space: Workspace, now: float) -> BaseRecord:
    """The base; it is made when the store doesn't have it. About half a minute, once."""
    with locked(space.home.build / ".base.lock"):
        known = base_record(space.home)
        if known is not None and image_digest(space, LOCAL) == known.digest:
            return known
        space.line(f"making the base {BASE} (once, about half a minute)")
        return _make(space, now)


def refresh_base(space: Workspace, now: float) -> BaseRecord:
    """Makes the base anew from the mirror's packages of today. Images that were made from the one before stay as they are."""
    with locked(space.home.build / ".base.lock"):
        return _make(space, now)


def base_record(home: Home) -> BaseRecord | None:
    """The base that bakes start from; None when none was made yet."""
    try:
        return BaseRecord.model_validate_json(_record_file(home).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _record_file(home: Home) -> Path:
    return home.build / "base.json"


def _make(space: Workspace, now: float) -> BaseRecord:
    space.buildah("from", "--name", space.container, "scratch", quiet=True)
    tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
    env = {"SOURCE_DATE_EPOCH": str(EPOCH)}
    try:
        space.run(debootstrap_words("minbase", PACKAGES, tree), timeout_s=1800, env=env)
    except ToolFailed as failed:
        raise unfetched(f"the base {BASE} can't be made", failed) from failed
    # packages that choose among alternatives link a page there, though none is unpacked
    for section in range(1, 9):
        (tree / f"usr/share/man/man{section}").mkdir(parents=True, exist_ok=True)
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text(POLICY)
    policy.chmod(0o755)
    packages = take_inventory(tree, ["var/lib/dpkg/status"]).components
    space.buildah("commit", "--quiet", "--timestamp", str(EPOCH), space.container, LOCAL, quiet=True)
    space.buildah("rm", space.container, quiet=True)
    record = BaseRecord(name=BASE, digest=image_digest(space, LOCAL) or "", made_at=now, packages=packages)
    write_atomic(_record_file(space.home), record.model_dump_json())
    return record


def image_digest(space: Workspace, name: str) -> str | None:
    """The digest of an image of our store (of its configuration, as buildah identifies images); None when it isn't there."""
    try:
        words = ("inspect", "--type", "image", "--format", "{{.FromImageID}}", name)
        return f"sha256:{space.buildah(*words, quiet=True).stdout.strip().removeprefix('sha256:')}"
    except ToolFailed:
        return None
