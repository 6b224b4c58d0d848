"""Where benchmarks play: `.bench` in the repository. Of an earlier run only `home/build` stays, what bakes have cached.

Machines and proxies outlive whoever started them, so the ground knows how to find and end them: before a run, for one that
was killed, and after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from demo.stage import Stage, remove_all_but

from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.engines.qemu.folder import Folder
from stoneware.errors import StonewareError
from stoneware.host.home import Home
from stoneware.traffic.haproxy import HaproxySwitch

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"
T = TypeVar("T")


class Busy(Exception):
    """Another benchmark plays here."""


@dataclass
class Ground:
    """`most_runs` caps the runs of every benchmark, for a quick look. `once` shares what several benchmarks need."""

    folder: Path = FOLDER
    most_runs: int | None = None
    _made: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def story(self) -> Stage:
        """Where the demo's story is played, with a daemon and a home of its own."""
        return self.town("qemu")

    def town(self, engine: str) -> Stage:
        """The same, with machines of this engine."""
        return Stage(self.folder / ("story" if engine == "qemu" else f"story-{engine}"), engine)

    @property
    def bare(self) -> Folder:
        """Where a QEMU is started that nobody manages."""
        return Folder(self.folder / "bare")

    def runs(self, usual: int) -> int:
        """How often to measure."""
        return min(usual, self.most_runs or usual)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The result of `make`, the first time's every time."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Clean before and after. Raises Busy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another benchmark plays in {self.folder}") from None
            self.clear()
            try:
                yield
            finally:
                self.clear()
        finally:
            os.close(handle)

    def clear(self) -> None:
        """Ends everything that a benchmark can have started, and removes all but what is cached."""
        self.end_story()
        end_everything(self.home)
        self.bare.end_process(grace_s=0)
        for folder in (self.bare.path, self.folder / "work"):
            shutil.rmtree(folder, ignore_errors=True)
        remove_all_but({self.home.build}, self.home.root)  # no sealed layers: those are what is measured
        self.home.prepare()

    def end_story(self) -> None:
        """The stories' daemons, machines and proxies go, and their folders."""
        for engine in ("qemu", "container"):
            self.end_town(engine)

    def end_town(self, engine: str) -> None:
        """The same for the story of one engine."""
        stage = self.town(engine)
        if stage.folder.exists():
            stage.strike()
            end_everything(Home(stage.home))  # what a daemon that won't start couldn't end
            shutil.rmtree(stage.folder)


def end_everything(home: Home) -> None:
    """Every machine and every proxy of a home goes."""
    if home.machines.exists():
        engine = QemuEngine(home, SystemClock())
        for path in [path for path in home.machines.iterdir() if path.is_dir()]:
            engine.delete_machine(path.name)
        engine.close()
    if home.traffic.exists():
        for path in [path for path in home.traffic.iterdir() if path.is_dir()]:
            with contextlib.suppress(StonewareError):
                HaproxySwitch(home).remove(path.name)


def free_port() -> int:
    """A port of this host that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def say(text: str) -> None:
    """Progress, for people; results go elsewhere."""
    print(text, file=sys.stderr, flush=True)
