"""From a push to a repository of this host to the first step of its build: git, its hook, the command line, the daemon, podman."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.step_image import IMAGE, make_tar

from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from stoneware.client import Client
from stoneware.engines.container.podman import Podman
from stoneware.host.home import Home
from stoneware.host.run import run

PUSHES = 7
LIMIT_S = 60.0
BUILD_FILE = f"""\
steps:
  - name: {IMAGE}
    script: echo ran
"""
WHO = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


@benchmark("build.trigger_s", unit="s", limit=1)
def trigger_s(ground: Ground) -> Figure:
    """From the beginning of `git push` to the beginning of the first step. One push warms up."""
    with _team(ground) as team:
        samples = [team.push(number) for number in range(ground.runs(PUSHES) + 1)][1:]
    return Figure(samples, "a bare repository with a post-receive hook, one step, an image of 10 MB")


@dataclass(frozen=True)
class Team:
    """A daemon as people start it, and somebody who pushes to what it watches."""

    root: Path
    home: Home

    def cli(self, *words: str) -> None:
        """A command as it is typed."""
        run([sys.executable, "-m", "stoneware", *words], env={"STONEWARE_HOME": str(self.home.root)}, timeout_s=LIMIT_S)

    def git(self, *words: str) -> str:
        """git in the working tree."""
        return run(["git", *WHO, *words], cwd=self.root / "work", env={"GIT_CONFIG_GLOBAL": "/dev/null"}).stdout.strip()

    def push(self, number: int) -> float:
        """Seconds from the push to the first step of what it begins."""
        (self.root / "work" / "cloudbuild.yaml").write_text(BUILD_FILE)
        (self.root / "work" / "change").write_text(str(number))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"change {number}")
        commit, began = self.git("rev-parse", "HEAD"), time.time()
        self.git("push", "--quiet", "origin", "HEAD:main")
        took_s = self._first_step(commit) - began
        say(f"{took_s:.2f} s from push to step")
        return took_s

    def _first_step(self, commit: str) -> float:
        client, until = Client(self.home.socket), time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            builds: list[dict[str, Any]] = client.get("/v1/builds", limit=5)
            for build in builds:
                if build["source"]["commit"] == commit and build["ended_at"]:
                    if build["status"] != "SUCCESS":
                        raise RuntimeError(f"{build['id']}: {build['because']}")
                    return float(build["steps"][0]["began_at"])
            time.sleep(0.1)
        raise RuntimeError("the push was never built")


@contextlib.contextmanager
def _team(ground: Ground) -> Iterator[Team]:
    root = ground.home.root / "pushing"
    team = Team(root, Home(root / "home"))
    (root / "work").mkdir(parents=True)
    team.home.prepare()
    podman = Podman(Home(team.home.builds))
    podman.folder.mkdir(parents=True, exist_ok=True)
    podman.run("import", make_tar(root / "tree"), IMAGE, timeout_s=120)
    run(["git", "init", "--quiet", "--bare", "-b", "main", root / "shop.git"])
    team.git("init", "--quiet", "-b", "main")
    team.git("remote", "add", "origin", str(root / "shop.git"))
    team.cli("serve", "--background")
    try:
        team.cli("trigger", "create", "shop", "--repository", str(root / "shop.git"), "--allow", "bake")
        yield team
    finally:
        team.cli("serve", "--stop")
        podman.run("rm", "--all", "--force", "--time", "0")
        run(["umount", podman.folder / "store" / "overlay"], ok=(0, 32))
        shutil.rmtree(podman.run_folder, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)
