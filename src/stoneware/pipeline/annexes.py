"""A store of images for each repository whose builds work with docker: what one of them builds, tags or caches, no other one sees.

It reads the images of the builds' common store and can't change them. Containers that steps have started there and left
running end with the build.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.removing import remove_tree
from stoneware.host.run import run
from stoneware.model.build import Source
from stoneware.pipeline.folder import BuildFolder

LAST = "last-build"


class Bridge(Protocol):
    @property
    def subnet(self) -> str: ...


class Pair(Protocol):
    @property
    def open(self) -> Bridge: ...


class Podman(Protocol):
    """The door to podman, as this floor needs it: on the store of all builds, or on an annex of it."""

    @property
    def folder(self) -> Path: ...
    @property
    def store(self) -> Path: ...
    @property
    def run_folder(self) -> Path: ...
    @property
    def key(self) -> str: ...
    def networks(self) -> Pair: ...
    def settings(self, network: str) -> str: ...
    def annex(self, name: str) -> Podman: ...
    def words(self, *words: str | Path) -> list[str | Path]: ...
    def env(self) -> dict[str, str]: ...
    def run(self, *words: str | Path, timeout_s: float = ..., ok: Sequence[int] = ...) -> str: ...


@dataclass(frozen=True)
class Annexes:
    home: Home
    podman: Podman

    def of(self, folder: BuildFolder) -> Podman:
        """The store that the steps of a build work on."""
        return self.podman.annex(folder.annex) if folder.annex else self.podman

    def enter(self, folder: BuildFolder, source: Source) -> None:
        """From now on, a build works on the store of its repository."""
        name = hashlib.sha256(source.place.encode()).hexdigest()[:8]
        with locked(self._lock):
            folder.take_annex(name)
            place = self.podman.annex(name).store
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(place.with_suffix(f".{LAST}"), folder.build)

    def leave(self, folder: BuildFolder) -> None:
        """Ends what a build has left running there. The last one to leave takes away what nobody can name any more."""
        name = folder.annex
        if not name:
            return
        podman = self.podman.annex(name)
        with locked(self._lock):
            left = podman.run("ps", "--all", "--quiet", "--filter", f"network={folder.build}").split()
            if self._alone(folder.build, name):
                left = ["--all"]
            if left:
                podman.run("rm", "--force", "--ignore", "--time", "0", *left)
            if left == ["--all"]:
                podman.run("image", "prune", "--force", timeout_s=300)

    def forget(self) -> None:
        """Removes the stores whose last build isn't kept any more."""
        for mark in sorted((self.podman.folder / "annexes").glob(f"*.{LAST}")):
            with locked(self._lock):
                name = mark.name.removesuffix(f".{LAST}")
                if (self.home.builds / mark.read_text()).exists() or not self._alone("", name):
                    continue
                self._remove(self.podman.annex(name))
                mark.unlink()

    def _remove(self, podman: Podman) -> None:
        podman.run("rm", "--all", "--force", "--time", "0")
        run(["umount", podman.store / "overlay"], timeout_s=30, ok=range(256))  # podman leaves it mounted on itself
        remove_tree(podman.store)

    def _alone(self, build: str, name: str) -> bool:
        folders = [BuildFolder(self.home, path.name) for path in self.home.builds.glob("build-*") if path.name != build]
        return not any(folder.annex == name for folder in folders)

    @property
    def _lock(self) -> Path:
        return self.podman.folder / ".annexes.lock"
