"""Where a bake works: buildah's store of our own, and a folder for each bake that says who works in it.

What a dead bake left is found by these marks and removed by the next command (`leftovers`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoneware.bake import leftovers
from stoneware.bake.leftovers import MARK, buildah_words
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.host.process import start_ticks
from stoneware.host.run import Completed, run

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

    def buildah(
        self, *words: str | Path, timeout_s: float = 3600.0, quiet: bool = False, cwd: Path | None = None
    ) -> Completed:
        """Runs buildah on our own store. Raises ToolFailed."""
        argv = [*buildah_words(self.home), *words]
        return self.run(argv, timeout_s=timeout_s, quiet=quiet, cwd=cwd)

    def run(
        self,
        argv: list[str | Path],
        *,
        timeout_s: float,
        quiet: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Completed:
        """Runs a program that carries our mark. Raises ToolFailed."""
        marked = {MARK: str(self.folder), "TMPDIR": str(self.folder), **(env or {})}
        on_line = None if quiet else self._printed
        return run(argv, timeout_s=timeout_s, env=marked, cwd=cwd, on_line=on_line, cancel=self.cancel)

    def _printed(self, text: str) -> None:
        self.line(f"{PRINTED}{text}")


@contextlib.contextmanager
def workspace(home: Home, name: str, line: Line, cancel: threading.Event | None = None) -> Iterator[Workspace]:
    """A folder to work in, gone afterwards with everything that was started in it."""
    folder = home.build / "work" / name
    with leftovers.working(home):  # a folder without its owner's mark looks like one that was left
        leftovers.clean(home)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "owner", f"{os.getpid()} {start_ticks(os.getpid())}")
    try:
        yield Workspace(home, folder, line, cancel)
    finally:
        with leftovers.working(home):
            leftovers.remove(home, folder)
