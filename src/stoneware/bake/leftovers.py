"""What a bake leaves that died or was cut short: programs, containers, mounts, networks, folders. Found by its marks, and removed.

Each mark is where the thing itself can be seen: a program carries the folder's path in its environment, a container of a
recipe's step has its bundle in the folder, buildah's working containers are nobody's when nobody bakes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from stoneware.bake.own_network import remove_network
from stoneware.errors import StonewareError
from stoneware.host.files import locked
from stoneware.host.home import Home
from stoneware.host.process import is_alive
from stoneware.host.removing import remove_tree
from stoneware.host.run import run

SWEEPS = 20
SWEEP_S = 0.01

MARK = "STONEWARE_BAKE"
"""Environment variable that every process of a bake carries: the path of its folder."""


def buildah_words(home: Home) -> list[str | Path]:
    """buildah with a store that belongs to this installation alone.

    It doesn't mount its store on itself, as it would by default (storage.conf(5), `skip_mount_home`): a file can't be linked from
    one mount to another, so every file that is sealed would have to be copied.
    """
    store = home.build / "store"
    words: list[str | Path] = ["buildah", "--root", store / "root", "--runroot", store / "run"]
    return [*words, "--storage-driver", "overlay", "--storage-opt", "overlay.skip_mount_home=true"]


@contextlib.contextmanager
def working(home: Home) -> Iterator[None]:
    """Only one of us begins, ends or cleans a bake at a time."""
    with locked(home.build / ".work.lock"):
        yield


def clean_leftovers(home: Home) -> list[str]:
    """Removes what bakes left whose process is gone. Returns their names."""
    if not home.build.exists():
        return []
    with working(home):
        return clean(home)


def clean(home: Home) -> list[str]:
    """The same, for who is `working` already."""
    dead = [folder for folder in _folders(home) if not _has_owner(folder)]
    for folder in dead:
        remove(home, folder)
    return [folder.name for folder in dead]


def remove(home: Home, folder: Path) -> None:
    """Removes a bake's folder and everything that belongs to it."""
    _end_processes(folder)
    for bundle in folder.glob("buildah*"):
        _quietly("runc", "delete", "--force", f"buildah-{bundle.name}")
    with contextlib.suppress(StonewareError):
        remove_network(folder)
    alone = not any(_has_owner(other) for other in _folders(home) if other != folder)
    _quietly(*buildah_words(home), "rm", "--all" if alone else f"stoneware-{folder.name}")
    with contextlib.suppress(StonewareError):  # what is left is tried again by who comes next
        remove_tree(folder)


def somebody_works(home: Home) -> bool:
    """Whether a bake is going on, for who is `working`."""
    return any(_has_owner(folder) for folder in _folders(home))


def _folders(home: Home) -> list[Path]:
    work = home.build / "work"
    return list(work.iterdir()) if work.exists() else []


def _has_owner(folder: Path) -> bool:
    try:
        pid, ticks = (folder / "owner").read_text().split()
        return is_alive(int(pid), int(ticks))
    except (OSError, ValueError):
        return False


def _quietly(*words: str | Path) -> None:
    """Runs a command that removes something; that it isn't there is what we want."""
    with contextlib.suppress(StonewareError):
        run(words, timeout_s=60)


def _end_processes(folder: Path) -> None:
    """Ends every process that carries the folder's mark: children of a bake outlive a killed daemon.

    One look isn't enough: a process that is just being replaced by its program (execve) shows an empty environment, and
    one that we meet may have a child that came after our look at its place.
    """
    mark = f"{MARK}={folder}".encode()
    for _ in range(SWEEPS):
        if not _end_marked(mark):
            return
        time.sleep(SWEEP_S)


def _end_marked(mark: bytes) -> bool:
    """One look at all processes; whether another one is needed."""
    again = False
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            environment = (entry / "environ").read_bytes()
            if mark in environment.split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                again = True
            elif not environment and (entry / "exe").exists():  # not one of the kernel's, nor a zombie
                again = True
    return again
