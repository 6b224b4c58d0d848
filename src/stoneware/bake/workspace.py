"""Where a bake works: buildah's store of our own, and a folder for each bake that says who works in it.

What a dead bake left (processes, containers, mounts, folders) is found by these marks and removed by the next command.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import StonewareError
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.process import is_alive, start_ticks
from stoneware.host.run import Completed, run

MARK = "STONEWARE_BAKE"
"""Environment variable that every process of a bake carries: the path of its folder."""

PRINTED = "| "
"""What a program of a bake prints stands behind this mark in the log; our own words don't."""

Line = Callable[[str], None]


@dataclass(frozen=True)
class Workspace:
    """One bake's folder. `line` gets our own words, and what its programs print behind a `| `; `cancel` ends them."""

    home: Home
    folder: Path
    line: Line
    cancel: threading.Event | None = None

    @property
    def container(self) -> str:
        """The name of this bake's buildah container."""
        return f"stoneware-{self.folder.name}"

    def buildah(self, *words: str | Path, timeout_s: float = 3600.0, quiet: bool = False) -> Completed:
        """Runs buildah on our own store. Raises ToolFailed."""
        argv = [*buildah_words(self.home), *words]
        return self.run(argv, timeout_s=timeout_s, quiet=quiet)

    def run(
        self, argv: list[str | Path], *, timeout_s: float, quiet: bool = False, env: Mapping[str, str] | None = None
    ) -> Completed:
        """Runs a program that carries our mark. Raises ToolFailed."""
        marked = {MARK: str(self.folder), **(env or {})}
        on_line = None if quiet else self._printed
        return run(argv, timeout_s=timeout_s, env=marked, on_line=on_line, cancel=self.cancel)

    def _printed(self, text: str) -> None:
        self.line(f"{PRINTED}{text}")


def buildah_words(home: Home) -> list[str | Path]:
    """buildah with a store that belongs to this installation alone."""
    store = home.build / "store"
    return ["buildah", "--root", store / "root", "--runroot", store / "run", "--storage-driver", "overlay"]


@contextlib.contextmanager
def workspace(home: Home, name: str, line: Line, cancel: threading.Event | None = None) -> Iterator[Workspace]:
    """A folder to work in, gone afterwards with everything that was started in it."""
    folder = home.build / "work" / name
    with locked(home.build / ".work.lock"):  # a folder without its owner's mark looks like one that was left
        _clean(home)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "owner", f"{os.getpid()} {start_ticks(os.getpid())}")
    space = Workspace(home, folder, line, cancel)
    try:
        yield space
    finally:
        _remove(home, folder)


def clean_leftovers(home: Home) -> list[str]:
    """Removes what bakes left whose process is gone. Returns their names."""
    if not home.build.exists():
        return []
    with locked(home.build / ".work.lock"):
        return _clean(home)


def _clean(home: Home) -> list[str]:
    work = home.build / "work"
    dead = [folder for folder in work.iterdir() if not _has_owner(folder)] if work.exists() else []
    for folder in dead:
        _remove(home, folder)
    return [folder.name for folder in dead]


def _has_owner(folder: Path) -> bool:
    try:
        pid, ticks = (folder / "owner").read_text().split()
        return is_alive(int(pid), int(ticks))
    except (OSError, ValueError):
        return False


def _remove(home: Home, folder: Path) -> None:
    _end_processes(folder)
    with contextlib.suppress(StonewareError):  # there may be no such container: that is what we want
        run([*buildah_words(home), "rm", f"stoneware-{folder.name}"], timeout_s=60)
    shutil.rmtree(folder, ignore_errors=True)


def _end_processes(folder: Path) -> None:
    """Ends every process that carries the folder's mark: children of a bake outlive a killed daemon."""
    mark = f"{MARK}={folder}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
