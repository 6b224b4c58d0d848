"""A finished file or folder takes its name by one rename; what stands there already is replaced only when that was said.

It is written beside its target under a hidden name that says which operation writes it. So it is found again after a crash, by the
same operation, and taken away when that turns back.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

from stoneware.errors import Refused
from stoneware.host.files import sync_folder

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV)


def unfinished(target: Path, operation: str, home: Path) -> Path:
    """Where an operation of this home writes what will be `target`."""
    ours = hashlib.sha256(f"{home}:{target}".encode()).hexdigest()[:12]
    return target.parent / f".{operation}-{ours}.part"


def require_outside(target: Path, home: Path) -> None:
    """Raises Refused for a place within our own folder: nothing there is for others to write."""
    if target.parent.resolve().is_relative_to(home.resolve()):
        raise Refused(f"{target} lies in the daemon's own folder", "name a place outside of it")


def require_room_for_it(target: Path, folder: bool, force: bool) -> None:
    """Raises Refused unless `target` can take its name: its folder is there, and it isn't, or may be replaced."""
    if not target.name or not target.parent.is_dir():
        raise Refused(f"there is no folder {target.parent}", "make it, or name another one")
    if not os.path.lexists(target) or (folder and _is_empty(target)):
        return
    if not force:
        raise _there(target)
    if folder and not (target.is_dir() and not target.is_symlink() and (target / "oci-layout").is_file()):
        raise Refused(f"{target} is no OCI layout that could be replaced", "name another folder")
    if not folder and (target.is_dir() or not (target.is_file() or target.is_symlink())):
        raise Refused(f"{target} is no file that could be replaced", "name another one")


def place(part: Path, target: Path, force: bool) -> None:
    """Gives a finished file or folder its name. Done already: success. Raises Refused, OSError."""
    if not os.path.lexists(part):
        if not os.path.lexists(target):
            raise Refused(f"{part} is gone", "export it again", code="archive-damaged")
        _remove(_aside(part))
        return
    require_room_for_it(target, part.is_dir(), force or _is_same(part, target))
    if part.is_dir():
        if force and os.path.lexists(target):
            target.rename(_aside(part))
        part.rename(target)  # an empty folder gives way, any other doesn't (rename(2))
        _remove(_aside(part))
    elif force:
        part.replace(target)
    else:
        _link(part, target)
    sync_folder(target.parent)


def withdraw(part: Path, target: Path) -> None:
    """Takes away what was written; what was put aside comes back."""
    if _aside(part).exists() and not os.path.lexists(target):
        _aside(part).rename(target)
    _remove(part)


def _link(part: Path, target: Path) -> None:
    """A second name is refused where something stands, which a rename isn't. Some file systems know no second names."""
    try:
        os.link(part, target)
    except FileExistsError:
        if not _is_same(part, target):
            raise _there(target) from None
    except OSError as no:
        if no.errno not in NO_LINKS:
            raise
        part.rename(target)
        return
    part.unlink()


def _there(target: Path) -> Refused:
    return Refused(f"{target} is there already", "name another one, or say --force to replace it", code="name-taken")


def _is_same(part: Path, target: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(part), os.lstat(target))
    except FileNotFoundError:
        return False


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _aside(part: Path) -> Path:
    return part.with_suffix(".old")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
