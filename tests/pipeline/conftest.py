"""A daemon in the test's process, with podman's own store for builds and one image in it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.house import House
from tests.support.step_image import IMAGE, make_tar

from stoneware.clock import SystemClock
from stoneware.daemon import Daemon, build
from stoneware.engines.container.podman import Podman
from stoneware.host.home import Home
from stoneware.host.process import end, start_ticks
from stoneware.host.run import run
from stoneware.model.build import BuildSpec, BuildView, Source

PATIENCE_S = 60.0


def home_with_image(root: Path) -> Home:
    """A home whose store of builds has the image that steps run in."""
    root.mkdir(exist_ok=True)
    home = Home(root / "home")
    home.prepare()
    podman = Podman(Home(home.builds))
    podman.folder.mkdir(exist_ok=True)
    podman.run("import", make_tar(root / "tree"), IMAGE, timeout_s=120)
    return home


def forget_store(home: Home) -> None:
    """Nothing of it runs or is mounted any more."""
    podman = Podman(Home(home.builds))
    podman.run("rm", "--all", "--force", "--time", "0")
    run(["umount", podman.folder / "store" / "overlay"], ok=(0, 32))
    shutil.rmtree(podman.run_folder, ignore_errors=True)


@pytest.fixture(scope="session")
def builds_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that all tests of this folder share."""
    home = home_with_image(Path(tmp_path_factory.mktemp("builds")))
    yield home
    forget_store(home)


def git(*words: str) -> str:
    """git as somebody, whatever this host's user has set."""
    who = ("-c", "user.name=ann", "-c", "user.email=ann@host", "-c", "commit.gpgsign=false")
    return run(["git", *who, *words], env={"GIT_CONFIG_GLOBAL": "/dev/null"}).stdout


def commit(work: Path, files: dict[str, str]) -> Path:
    """A repository with all that is in a folder, and these files, committed on `main`."""
    work.mkdir(exist_ok=True)
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git("init", "--quiet", "-b", "main", str(work))
    git("-C", str(work), "add", "--all")
    git("-C", str(work), "commit", "--quiet", "--message", "as it is")
    return work


@dataclass
class Shop:
    """Builds on a daemon at work."""

    home: Home
    daemon: Daemon
    folder: Path

    @property
    def podman(self) -> Podman:
        return Podman(Home(self.home.builds))

    def begin(self, spec: BuildSpec | None, **more: Any) -> str:
        source = more.pop("source", Source(folder=str(self.folder)))
        record = self.daemon.services.building.begin(source, actor="ann@host", spec=spec, **more)
        self.daemon.services.worker.poke()
        return record.id

    def view(self, build: str) -> BuildView:
        return self.daemon.services.building.show(build)

    def wait(self, build: str, *statuses: str) -> BuildView:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            view = self.view(build)
            if view.status in statuses if statuses else view.ended_at is not None:
                return view
            time.sleep(0.02)
        raise AssertionError(f"{build} is still {self.view(build)}")

    def log(self, build: str) -> str:
        return (self.home.logs / f"{build}.log").read_text()

    def run(self, spec: BuildSpec | None, **more: Any) -> BuildView:
        return self.wait(self.begin(spec, **more))

    def wait_for_log(self, build: str, text: str) -> bool:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            path = self.home.logs / f"{build}.log"
            if path.exists() and text in path.read_text():
                return True
            time.sleep(0.02)
        raise AssertionError(f"{build} never said {text!r}: {self.view(build)}")

    def containers(self) -> str:
        return self.podman.run("ps", "--all", "--quiet").strip()


@pytest.fixture
def shop(builds_home: Home, tmp_path: Path) -> Iterator[Shop]:
    daemon = build(builds_home, SystemClock())
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from the source\n")
    daemon.services.worker.start()
    yield Shop(builds_home, daemon, folder)
    for view in daemon.services.building.list(unfinished=True):
        daemon.services.building.cancel(view.id, "ann@host") if view.status != "ENDING" else None
    until = time.monotonic() + 20
    while daemon.services.building.list(unfinished=True) and time.monotonic() < until:
        time.sleep(0.05)
    daemon.services.worker.stop()
    daemon.services.store.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    home = home_with_image(tmp_path / "house")
    house = House(home)
    house.cli("serve", "--background")
    yield house
    end(house.pid, start_ticks(house.pid) or 0, grace_s=10)
    forget_store(home)
