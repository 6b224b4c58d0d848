"""A push is all that the team does: it is built, tested, baked, and runs in staging; one command moves that image to production."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.stage import EXAMPLE
from tests.support.foundry import Foundry
from tests.support.step_image import IMAGE, make_tar
from tests.support.town import Town, open_town

from stoneware.engines.container.podman import Podman
from stoneware.host.home import Home

TEST = "v=$(cat www/version); [ $v = 1 ] || [ $v = 2 ]"
PIPELINE = """
environments:
  staging: {{ critter-junction: {{ groups: {{ web: {{ size: 1 }} }}, services: {{ play: {{ listen: "127.0.0.1:{port}" }} }} }} }}
  production: {{ critter-junction: {{ groups: {{ web: {{ size: 2 }} }} }} }}
promotions:
  production: {{ after: staging }}
build:
  image: {image}
  test: [[sh, -c, "{test}"]]
  deploy: [critter-junction-staging]
"""
STAGING, PRODUCTION = "critter-junction-staging", "critter-junction-production"


class Team(Town):
    """A town whose repository has a bare one behind it that Stoneware watches."""

    @property
    def bare(self) -> Path:
        return self.folder / "critter.git"

    def set_up(self) -> None:
        """The declaration with its pipeline, and a trigger."""
        (self.home / "builds").mkdir(exist_ok=True)
        podman = Podman(Home(self.home / "builds"))
        podman.folder.mkdir(parents=True, exist_ok=True)
        podman.run("import", make_tar(self.folder / "tree"), IMAGE, timeout_s=120)
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare))
        self.git("remote", "add", "origin", str(self.bare))
        self.declare()
        self.cli(
            "trigger",
            "create",
            "critter",
            "--repository",
            str(self.bare),
            "--branch",
            "^main$",
            "--allow",
            "bake,deploy,network",
        )

    def declare(self) -> None:
        """Adds the pipeline to what is declared."""
        declared = self.repository / "stoneware.yaml"
        declared.write_text(declared.read_text() + PIPELINE.format(port=self.port + 1, image=IMAGE, test=TEST))

    def push(self, message: str) -> dict[str, Any]:
        """A commit of all that there is, pushed. Returns its build when that is over."""
        self.commit(message)
        before = {one["id"] for one in self.json("build", "list")}
        self.git("push", "-q", "origin", "HEAD:main")
        until = time.monotonic() + 600
        while time.monotonic() < until:
            new = [one for one in self.json("build", "list") if one["id"] not in before]
            if new and new[0]["ended_at"]:
                build: dict[str, Any] = new[0]
                return build
            time.sleep(1)
        raise AssertionError("the build never ended")

    def to_version_2_and_declare(self) -> None:
        """What a commit of the team changes; the pipeline stays as it is."""
        shutil.copytree(EXAMPLE / "version-2", self.repository, dirs_exist_ok=True)
        self._declare_engine()
        self.edit("18080", str(self.port))
        self.declare()

    def head(self) -> str:
        """The commit that was pushed last."""
        return subprocess.run(
            ["git", "rev-parse", "main"], cwd=self.bare, check=True, capture_output=True, text=True
        ).stdout.strip()

    def images(self) -> list[str]:
        """What is published."""
        return [f"{one['family']}/{one['number']}" for one in self.json("image", "list") if one["number"]]

    def digests(self, deployment: str) -> dict[str, str]:
        good = [one for one in self.json("release", "list", deployment) if one["state"] == "GOOD"]
        current = max(good, key=lambda one: one["number"])
        return {group: pinned["digest"] for group, pinned in current["groups"].items()}


@pytest.fixture
def team(foundry: Foundry, tmp_path: Path) -> Iterator[Team]:
    town = open_town(tmp_path / "town", foundry, "container")
    team = Team(town.folder, town.engine)
    object.__setattr__(team, "port", town.port)
    try:
        team.set_up()
        yield team
    finally:
        team.strike()


@pytest.mark.host
def test_a_push_ends_in_staging_and_a_promotion_in_production(team: Team) -> None:
    build = team.push("Version 1: NGINX")
    assert build["status"] == "SUCCESS", build
    team.cli("promote", "staging", "production", "--yes")
    assert team.ended()["result"] == "SUCCEEDED"
    with team.loaded() as tally:
        team.to_version_2_and_declare()
        build = team.push("Version 2: Apache")
        assert build["status"] == "SUCCESS", build
        assert sorted(team.images()) == ["critter-web/1", "critter-web/2"]
        staged = team.digests(STAGING)
        assert team.digests(PRODUCTION) != staged
        team.cli("promote", "staging", "production", "--yes", "--reason", "it was good in staging")
        assert team.ended()["result"] == "SUCCEEDED"
    assert tally.failures == []
    assert tally.versions == ["1", "2"]
    assert team.digests(PRODUCTION) == staged
    points_back(team, build)
    nothing_bad_is_published(team)


def points_back(team: Team, build: dict[str, Any]) -> None:
    """From the image to its build, from the build to its commit."""
    head = team.head()
    assert (build["source"]["commit"], build["trigger"]) == (head, "critter")
    bakes = [one for one in build["children"] if one.startswith("bake-")]
    told = team.json("history", bakes[0])
    assert build["id"] in str(told)
    shown = team.json("image", "show", "critter-web/2")
    assert shown["manifest"]["recipe"]["commit"] == head
    assert not shown["manifest"]["recipe"]["dirty"]
    ledger = team.json("ledger", "show", "--verb", "image.publish")
    assert any(fact["fact"]["actor"] == f"build/{build['id']}" for fact in ledger)


def nothing_bad_is_published(team: Team) -> None:
    """A failing unit test, a failing boot test and a syntax error each end as they should, with a readable reason."""
    before = team.images()
    for message, edit, step, said in (
        ("a failing unit test", ("2", "3", "www/version"), "test", "exit code 1"),
        ("a failing boot test", ('body: "2"', 'body: "22"', "stoneware.yaml"), "bake critter-web", "/version"),
        ("a syntax error", ("images:", "images: [", "stoneware.yaml"), "", "stoneware.yaml:"),
    ):
        old, new, file = edit
        team.edit(old, new, file)
        build = team.push(message)
        team.edit(new, old, file)
        assert build["status"] == "FAILURE", (message, build)
        assert said in build["because"], (message, build)
        failed = [one["id"] for one in build["steps"] if one["status"] == "FAILURE"]
        assert failed == ([step] if step else []), (message, build)
        assert team.images() == before
