"""Where builds are done: their folders, and their steps as supervised podman containers. No call waits for a step.

The protocol is what the operation knows; `Workshop` is the real one, over podman on a store that builds alone have.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from stoneware.errors import Refused, Unreachable
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.host.supervised import Look
from stoneware.model.build import BuildStep, Source
from stoneware.pipeline.annexes import Annexes, Podman
from stoneware.pipeline.builders import Builders, is_short
from stoneware.pipeline.folder import BuildFolder, make_below
from stoneware.pipeline.git import QUIET
from stoneware.pipeline.monitors import end_monitors
from stoneware.pipeline.needs import needs_docker
from stoneware.pipeline.networks import Bridges
from stoneware.pipeline.source import fetch_words
from stoneware.pipeline.words import (
    DOCKER_SOCKET,
    HOME,
    SCRIPTS,
    WORKSPACE,
    Ground,
    environment_text,
    run_words,
)

FETCH, DOCKER = "fetch", "docker"
"""Names of jobs beside those of steps, which are their numbers."""
PATIENCE_S = 5.0
"""How long a container that is to end may take to be made first."""


class Runs(Protocol):
    """What the operation of a build asks for. Every call may be repeated; `build` is the build's id, `job` a name of one."""

    def fetch(self, build: str, source: Source, pristine: bool, allowed: Collection[str]) -> None:
        """Begins to fill the workspace; with `pristine`, a copy of it that no step can touch, too."""

    def start(self, build: str, number: int, step: BuildStep, allowed: Collection[str]) -> None:
        """Begins a step, unless it was begun before."""

    def look(self, build: str, job: str) -> Look:
        """What became of a job."""

    def came_to_run(self, build: str, number: int) -> bool:
        """Whether a step that was begun came to have a container, so that its exit code is its own."""

    def missing(self, build: str, images: Sequence[str]) -> list[str]:
        """Which of these images the builds' store doesn't have."""

    def stop(self, build: str, number: int) -> None:
        """Ends a step that runs."""

    def end(self, build: str, jobs: Sequence[str]) -> bool:
        """Ends what runs of a build and takes away what nobody needs any more. Whether all of it is gone."""

    def say(self, build: str, line: str) -> None:
        """A line of our own in the build's log."""

    def folder(self, build: str) -> BuildFolder:
        """Where it is done."""


@dataclass(frozen=True)
class Workshop:
    """`memory_bytes` is what a step may have of the host's memory."""

    home: Home
    podman: Podman
    memory_bytes: int

    @property
    def builders(self) -> Builders:
        return Builders(self.home.builds / "builders.json")

    @property
    def annexes(self) -> Annexes:
        return Annexes(self.home, self.podman)

    @property
    def bridges(self) -> Bridges:
        return Bridges(self.podman.folder / "networks", self.podman.networks().open.subnet, self.podman.key)

    def folder(self, build: str) -> BuildFolder:
        return BuildFolder(self.home, build)

    def fetch(self, build: str, source: Source, pristine: bool, allowed: Collection[str]) -> None:
        folder = self.folder(build)
        folder.prepare()
        if "docker" in allowed:
            self.annexes.enter(folder, source)
        if source.folder and self.home.root.resolve().is_relative_to(Path(source.folder).resolve()):
            raise Refused(f"{source.folder} has the daemon's own home in it", "name a folder beside it")
        words = fetch_words(source, folder.workspace, folder.source if pristine else None)
        folder.job(FETCH).start(words, log=folder.log, env=QUIET)

    def look(self, build: str, job: str) -> Look:
        return self.folder(build).job(job).look()

    def start(self, build: str, number: int, step: BuildStep, allowed: Collection[str]) -> None:
        folder = self.folder(build)
        job = folder.job(str(number))
        if job.look().state != "none":
            return
        within = PurePosixPath(step.directory)
        if within.is_relative_to(WORKSPACE):
            make_below(folder.workspace, within.relative_to(WORKSPACE))
        outside = "network" in allowed and step.network == "outside"
        podman = self.annexes.of(folder)
        image = self.builders.resolve(step.image)
        environment = folder.jobs / f"{number}.env"
        environment.touch(mode=0o600)
        environment.write_text(environment_text(step))
        ground = Ground(
            name=f"{build}-{number}",
            build=build,
            image=image,
            mounts=self._mounts(folder, number, step, allowed),
            network=self.bridges.ensure(build) if outside else "none",
            memory_bytes=self.memory_bytes,
            environment_file=environment,
            pid_file=_pid_file(folder, number),
            pull="missing" if "network" in allowed and not is_short(image) else "never",
        )
        words = podman.words(*run_words(step, ground, number))
        job.start([words], log=folder.log, prefix=f"{step_name(number, step)}: ", env=podman.env())

    def _mounts(
        self, folder: BuildFolder, number: int, step: BuildStep, allowed: Collection[str]
    ) -> tuple[tuple[Path, str], ...]:
        mounts = [(folder.workspace, WORKSPACE), (folder.user_home, HOME)]
        if any(":" in volume.path for volume in step.volumes):
            raise Refused(f"step {step.id} has a volume whose path has a ':'", "name another path")
        mounts += [(folder.make_volume(volume.name), volume.path) for volume in step.volumes]
        if step.script is not None:
            script = folder.scripts / str(number)
            script.write_text(step.script)
            script.chmod(0o755)
            mounts.append((script, f"{SCRIPTS}/{number}:ro"))
        if needs_docker(step) and "docker" in allowed:
            network = self.bridges.ensure(folder.build) if "network" in allowed else "none"
            mounts.append((self._docker(folder, network), DOCKER_SOCKET))
        return tuple(mounts)

    def _docker(self, folder: BuildFolder, network: str) -> Path:
        """The socket of an API of podman's for this build alone, on its repository's store; what is run by it is on the build's
        own network. Raises Unreachable while it isn't up."""
        socket, podman = self._socket(folder.build), self.annexes.of(folder)
        socket.parent.mkdir(exist_ok=True, mode=0o700)
        settings = folder.jobs / "docker.conf"
        if not settings.exists():
            write_atomic(settings, podman.settings(network))
        words = podman.words("system", "service", "--time=0", f"unix://{socket}")
        env = {"CONTAINERS_CONF": str(settings)}
        folder.job(DOCKER).start([words], log=folder.jobs / "docker.log", env=env)
        if not socket.exists():
            raise Unreachable("podman's API for the docker builder isn't up yet")
        return socket

    def _socket(self, build: str) -> Path:
        return self.podman.run_folder / "builds" / f"{build}.sock"

    def came_to_run(self, build: str, number: int) -> bool:
        return _pid_file(self.folder(build), number).exists()

    def missing(self, build: str, images: Sequence[str]) -> list[str]:
        podman = self.annexes.of(self.folder(build))
        return [name for name in images if not podman.run("images", "--quiet", "--filter", f"reference={name}").strip()]

    def stop(self, build: str, number: int) -> None:
        folder = self.folder(build)
        _let_be_made(folder, [str(number)])
        folder.job(str(number)).end()
        self.annexes.of(folder).run("rm", "--force", "--ignore", "--time", "0", f"{build}-{number}")

    def end(self, build: str, jobs: Sequence[str]) -> bool:
        folder = self.folder(build)
        if not folder.root.exists():
            return True
        looks = {name: folder.job(name).look() for name in jobs}
        cut = [name for name, look in looks.items() if look.state in ("running", "vanished")]
        _let_be_made(folder, cut)
        for name in cut:  # first whoever might be making a container just now, then the containers
            folder.job(name).end()
        containers = [f"{build}-{name}" for name in cut if name.isdigit()]
        podman = self.annexes.of(folder)
        if containers:
            podman.run("rm", "--force", "--ignore", "--time", "0", *containers)
            if podman.run("ps", "--all", "--quiet", "--filter", f"label=stoneware.build={build}").strip():
                return False
        if any(folder.job(name).look().state == "running" for name in cut):
            return False  # one that was started just now can't be ended before it has said who it is
        end_monitors({f"{build}-{name}" for name in jobs if name.isdigit()}, self.podman.run_folder)
        self._socket(build).unlink(missing_ok=True)
        self.annexes.leave(folder)
        self.bridges.forget(build)
        folder.clear()
        return True

    def say(self, build: str, line: str) -> None:
        self.folder(build).say(line)


def _pid_file(folder: BuildFolder, number: int) -> Path:
    return folder.jobs / f"{number}.pid"


def _let_be_made(folder: BuildFolder, jobs: Sequence[str]) -> None:
    """Waits a little for containers that are being made: a podman that is killed over its network leaves that behind."""
    until = time.monotonic() + PATIENCE_S
    for name in filter(str.isdigit, jobs):
        while not _pid_file(folder, int(name)).exists() and folder.job(name).look().state == "running":
            if time.monotonic() > until:
                return
            time.sleep(0.02)


def step_name(number: int, step: BuildStep) -> str:
    """What a step's lines begin with, as teams know it."""
    return f"Step #{number}" if step.id.startswith("Step #") else f'Step #{number} - "{step.id}"'
