"""Where the demo plays: a folder of its own with a repository and a Stoneware home, and the commands that are typed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "critter-junction"
CACHED = (Path("build"), Path("images/blobs"))
"""Of an earlier demo's home only this stays: base, kernel, and the recipe steps and sealed layers that didn't change."""
FOR_CONTAINERS = {
    "engine: qemu": "engine: container",
    "    containerfile:": "    deliver: [container]\n    containerfile:",
    "bake_time: 5s": "bake_time: 2s",
    "healthy_for: 3s": "healthy_for: 1s",
}


class Failed(Exception):
    """A command of the story ended otherwise than the story says."""


@dataclass(frozen=True)
class Stage:
    """`folder` is all that the demo touches. `engine` says where the machines live: `qemu` or `container`."""

    folder: Path
    engine: str = "qemu"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def repository(self) -> Path:
        return self.folder / "critter-junction"

    @property
    def place(self) -> Path:
        """Where commands are typed."""
        return self.repository if self.repository.exists() else self.folder

    def set(self) -> None:
        """An empty home (but for what is cached) and a repository at version 1."""
        self.strike()
        self.clear()
        shutil.rmtree(self.repository, ignore_errors=True)
        ignored = shutil.ignore_patterns("version-2", "__pycache__")
        shutil.copytree(EXAMPLE, self.repository, ignore=ignored)
        self._declare_engine()
        self.git("init", "-q", "-b", "main")
        self.commit("Version 1: NGINX")

    def to_version_2(self) -> None:
        """What a commit of the team changes."""
        shutil.copytree(EXAMPLE / "version-2", self.repository, dirs_exist_ok=True)
        self._declare_engine()
        self.commit("Version 2: Apache instead of NGINX")

    def strike(self) -> None:
        """Takes everything down that the demo started: machines, proxies, disks, daemon."""
        if not (self.home / "stoneware.db").exists():
            return
        if self.try_json("status") is None:  # machines and proxies outlive a daemon that died
            self.run("serve", "--background", check=False, echo=False)
        for name in self.try_json("deployment") or []:
            self.run("destroy", name, "--yes", "--reason", "the demo is over", check=False)
        for disk in self.try_json("disk", "list") or []:
            self.run("disk", "delete", disk["name"], "--yes", check=False, echo=False)
        self.run("serve", "--stop", check=False, echo=False)
        self._unmount()

    def clear(self) -> None:
        """Forgets what was played: all of the home but what is cached."""
        remove_all_but({self.home / part for part in CACHED}, self.home)

    def _declare_engine(self) -> None:
        """The example's declaration is for virtual machines; two lines of it make them containers, which need less time."""
        declaration = self.repository / "stoneware.yaml"
        text = declaration.read_text()
        for asked, instead in FOR_CONTAINERS.items() if self.engine == "container" else ():
            text = text.replace(asked, instead)
        declaration.write_text(text)

    def _unmount(self) -> None:
        """Each store of containers keeps a mount of its own, which would keep its folder."""
        points = [Path(line.split(" ")[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for point in reversed(points):
            if any(point.is_relative_to(self.home / part) for part in ("containers", "builds")):
                subprocess.run(["umount", point], check=False)

    # Commands

    def run(self, *words: str, check: bool = True, echo: bool = True) -> float:
        """A command as a person types it, its output on the screen. Returns its seconds."""
        if echo:
            print(f"\n$ stoneware {' '.join(words)}", flush=True)
        began = time.monotonic()
        output = None if echo else subprocess.DEVNULL
        ended = subprocess.run(
            self._words(words), check=False, cwd=self.place, env=self._env(), stdout=output, stderr=output
        )
        if check and ended.returncode:
            raise Failed(f"`stoneware {' '.join(words)}` ended with {ended.returncode}")
        return time.monotonic() - began

    def json(self, *words: str) -> Any:
        """What a command answers with `--json`."""
        argv = self._words((*words, "--json"))
        ended = subprocess.run(argv, check=False, cwd=self.place, env=self._env(), capture_output=True, text=True)
        if ended.returncode:
            raise Failed(f"`stoneware {' '.join(words)}` ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
        return json.loads(ended.stdout)

    def try_json(self, *words: str) -> Any:
        """The same; None when nobody answers. `deployment` lists the names of deployments."""
        try:
            if words == ("deployment",):
                return [one["name"] for one in self.json("status")]
            return self.json(*words)
        except Failed:
            return None

    def git(self, *words: str) -> None:
        """git in the repository, as a team of its own."""
        who = ["-c", "user.name=Critter Team", "-c", "user.email=team@critter.example"]
        subprocess.run(["git", *who, *words], cwd=self.repository, check=True)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        print(f'\n$ git commit -m "{message}"', flush=True)

    def _words(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "stoneware", *words]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "STONEWARE_HOME": str(self.home)}


def remove_all_but(kept: set[Path], folder: Path) -> None:
    """Empties a folder but for these paths below it. No folder: nothing to do."""
    for entry in folder.iterdir() if folder.exists() else ():
        if any(part.is_relative_to(entry) for part in kept - {entry}):
            remove_all_but(kept, entry)
        elif entry not in kept:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
