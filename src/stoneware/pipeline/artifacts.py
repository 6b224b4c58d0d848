"""What a build has made and wants kept: files of its workspace, found and copied without ever following a link.

The workspace is the steps' own, and we are the host's root: a link in it may point at anything, a file may say that it is larger
than the disk, and a name may be no text.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stoneware.decide.globs import matches_glob
from stoneware.errors import NotFound, Refused

DEEPEST = 200
"""Folders below each other in which files are looked for."""
CHUNK = 4 * 2**20
MARGIN_BYTES = 256 * 2**20
"""What stays free on the disk."""


@dataclass(frozen=True)
class Found:
    """A file under its path in the workspace, with the size that it says it has."""

    path: str
    size_bytes: int
    fits: tuple[str, ...]


def keep(
    workspace: Path, patterns: Sequence[str], target: Path, stop: Callable[[], bool] = lambda: False
) -> tuple[str, ...]:
    """Copies all files that fit a pattern, under their paths in the workspace. Returns those paths.

    Raises NotFound when a pattern fits nothing, and Refused when there is no room for all of it, a name is no text, or a file isn't
    kept after all: it changed meanwhile, or `stop` ended the copying.
    """
    wanted = [_below(pattern) for pattern in patterns]
    found = [
        Found(path, size, fits)
        for path, size in _files(workspace)
        if (fits := tuple(pattern for pattern in wanted if matches_glob(pattern, path)))
    ]
    lost = [pattern for pattern in wanted if not any(pattern in one.fits for one in found)]
    if lost:
        raise NotFound(f"no file in the workspace is {', '.join(lost)}", "check `artifacts` and the step that makes it")
    odd = next((one.path for one in found if not _is_text(one.path)), None)
    if odd is not None:
        raise Refused(f"{os.fsencode(odd)!r} can't be kept: its name is no UTF-8", "let the step give it another name")
    _must_have_room(target, sum(one.size_bytes for one in found))
    try:
        for one in found:
            _copy(workspace, one, target, stop)
    except OSError as no:
        raise Refused(f"what was made can't be kept in {target}: {no.strerror}", "check that folder") from no
    return tuple(sorted(one.path for one in found))


def _below(pattern: str) -> str:
    """A pattern from the workspace on."""
    path = PurePosixPath(pattern)
    return path.as_posix().removeprefix("/workspace").lstrip("/")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _must_have_room(target: Path, wanted_bytes: int) -> None:
    """Raises Refused. Holes of sparse files count, for their copies have none."""
    there = next(place for place in (target, *target.parents) if place.exists())
    free = shutil.disk_usage(there).free - MARGIN_BYTES
    if wanted_bytes > free:
        mib = 2**20
        raise Refused(
            f"what is to be kept has {wanted_bytes // mib} MiB, and there is room for {max(0, free) // mib} in {target}",
            "keep less, or make room",
            code="no-capacity",
        )


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """Regular files below a folder, with their sizes. No folder is entered but by its own name in the one before. Raises Refused
    for folders that go too deep."""
    waiting = [PurePosixPath()]
    while waiting:
        within = waiting.pop()
        handle = _open_folder(root, within)
        if handle is None:
            continue
        try:
            with os.scandir(handle) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(within / entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        yield (within / entry.name).as_posix(), entry.stat(follow_symlinks=False).st_size
        finally:
            os.close(handle)
        if len(within.parts) >= DEEPEST:
            raise Refused(f"the workspace has more than {DEEPEST} folders below each other", "remove them in a step")


def _open_folder(root: Path, within: PurePosixPath) -> int | None:
    """A folder below the root, through no link; None when it is gone."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in within.parts:
        try:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        except OSError:
            return None
        finally:
            os.close(handle)
        handle = inner
    return handle


def _copy(workspace: Path, one: Found, target: Path, stop: Callable[[], bool]) -> None:
    """Copies one file, as much of it as it said that it has. Raises Refused when it isn't there in the end."""
    path = PurePosixPath(one.path)
    folder = _open_folder(workspace, path.parent)
    if folder is None:
        raise _changed(one)
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _changed(one)
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        left = one.size_bytes
        with part.open("wb") as out:
            while left and not stop() and (chunk := source.read(min(CHUNK, left))):
                out.write(chunk)
                left -= len(chunk)
        if stop():
            part.unlink()
            raise Refused("what was made isn't kept: its copying was cut short", "retry the build")
        part.replace(place)


def _changed(one: Found) -> Refused:
    return Refused(f"{one.path} isn't the file any more that it was", "let no step leave anything that runs on")
