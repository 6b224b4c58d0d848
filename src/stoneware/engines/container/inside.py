"""What the host sees and sets inside a container without running anything there: through the root of its first process.

A path is walked folder by folder and never through a link: whoever is root in the container could point one at the host.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stoneware.engines.container.phases import Marks
from stoneware.engines.container.podman import Container
from stoneware.engines.container.units import MARKED, MARKS
from stoneware.engines.engine import SECRETS
from stoneware.errors import Refused, Unreachable

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


def names_in(container: Container, path: str) -> set[str]:
    """What is in a folder of the container, by name; nothing where there is no such folder."""
    try:
        with _folder(_root(container), path) as folder:
            return _names(folder)
    except OSError:
        return set()


def states_in(container: Container, path: str, depth: int = 8) -> dict[str, os.stat_result]:
    """The files at a path of the container and so many folders below it, as they are now, by their paths; links aren't followed.
    Raises OSError when there is no such path."""
    above, name = str(Path(path).parent), Path(path).name
    with _folder(_root(container), above) as folder:
        return dict(_below(folder, name, path, depth))


def _below(folder: int, name: str, path: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    yield path, state
    if depth and stat.S_ISDIR(state.st_mode):
        with _folder_at(folder, name) as inner:
            for below in sorted(_names(inner)):
                with contextlib.suppress(FileNotFoundError):  # it has gone meanwhile
                    yield from _below(inner, below, f"{path}/{below}", depth - 1)


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


def give_secrets(container: Container, values: Mapping[str, bytes]) -> None:
    """Before a container's first process begins: its secrets, into the memory that is mounted for them in the container alone,
    each to be read by the user of that process. They end with the container, and no file of the host ever holds one.

    Raises Refused when nothing is mounted there, Unreachable when podman's word for the user can't be read.
    """
    if not values:
        return
    uid, gid = _user(container)
    try:
        with _folder(container.root, "/") as image, _folder(_root(container), SECRETS) as place:
            if os.fstat(place).st_dev == os.fstat(image).st_dev:
                raise Refused(f"{container.name}: {SECRETS} is not mounted", "see the console")
            os.fchmod(place, 0o755)  # of what the runtime makes, others might be let in
            for variable, value in values.items():
                _give_secret(place, variable, value, uid, gid)
    except OSError as broken:
        raise Refused(f"{container.name}: no secret can be put into {SECRETS}: {broken.strerror}") from broken


def _give_secret(place: int, name: str, value: bytes, uid: int, gid: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # of a start that was cut short
        os.unlink(name, dir_fd=place)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400, dir_fd=place)
    with os.fdopen(handle, "wb") as out:
        os.fchown(handle, uid, gid)
        out.write(value)


def _user(container: Container) -> tuple[int, int]:
    """User and group that the first process runs as: what the runtime is told (OCI runtime specification, `process.user`)."""
    try:
        user = json.loads(container.runtime_config.read_bytes())["process"]["user"]
        return int(user["uid"]), int(user["gid"])
    except (OSError, ValueError, KeyError, TypeError) as unclear:
        raise Unreachable(f"{container.name}: podman doesn't say which user it runs as: {unclear}") from unclear


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
