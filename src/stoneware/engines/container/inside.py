"""What the host sees and sets inside a container without running anything there: through the root of its first process.

A path is walked folder by folder and never through a link: whoever is root in the container could point one at the host.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from stoneware.engines.container.phases import Marks
from stoneware.engines.container.podman import Container
from stoneware.engines.container.units import MARKED, MARKS
from stoneware.errors import Refused

MOST_MARKS = 50
LONGEST_MARK = 200
FRESH: tuple[set[str], ...] = ({"lost+found"}, set())
"""What is in a disk that nobody has written to."""


def read_marks(container: Container) -> Marks:
    """Targets that systemd has reached and units that have failed. Nothing marked yet, or gone meanwhile: none."""
    try:
        with _folder(_root(container), MARKS) as marks:
            there = _names(marks)
            reached = tuple(target for target in MARKED if f"at-{target}" in there)
            if "failed" not in there:
                return Marks(reached)
            with _folder_at(marks, "failed") as failed:
                return Marks(reached, tuple(_readable(name) for name in sorted(_names(failed))[:MOST_MARKS]))
    except OSError:
        return Marks()


def give_owners(container: Container, writable: Iterable[str], disks: Iterable[str]) -> None:
    """Before a container's first process begins: the folders in memory get the owner and mode of the image's folders, and
    so does a disk that nobody has written to. (The runtime copies what is in a folder, but not whose the folder is.)

    Raises Refused when one of them isn't a folder of the image, or isn't apart from it.
    """
    for path in writable:
        _give_owner(container, path, only_fresh=False)
    for path in disks:
        _give_owner(container, path, only_fresh=True)


def _give_owner(container: Container, path: str, *, only_fresh: bool) -> None:
    try:
        with _folder(container.root, path) as image, _folder(_root(container), path) as mounted:
            model, own = os.fstat(image), os.fstat(mounted)
            if own.st_dev == model.st_dev:
                raise Refused(f"{container.name}: {path} is not mounted", "see the console")
            if only_fresh and _names(mounted) not in FRESH:
                return
            os.fchown(mounted, model.st_uid, model.st_gid)
            os.fchmod(mounted, stat.S_IMODE(model.st_mode))
    except OSError as broken:
        why = f"{container.name}: {path} is no folder of the image, or lies behind a link: {broken.strerror}"
        raise Refused(why, "make it a folder in the recipe") from broken


def _root(container: Container) -> Path:
    return Path(f"/proc/{container.pid}/root")


@contextlib.contextmanager
def _folder(root: Path, path: str) -> Iterator[int]:
    """An open folder below `root`, whatever links may lie on the way. Raises OSError where one does."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in Path(path.lstrip("/")).parts:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _folder_at(parent: int, name: str) -> Iterator[int]:
    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)


def _names(folder: int) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}


def _readable(name: str) -> str:
    """A mark's name comes from the container, and may go to somebody's terminal."""
    return "".join(one if one.isprintable() else "?" for one in name[:LONGEST_MARK])
