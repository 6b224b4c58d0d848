"""What triggers begin: a commit has one build, unless that one was given up for a newer commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.building import BuildWorld

from stoneware.model.build import BuildStatus, Source
from stoneware.model.trigger import Trigger, Watch
from stoneware.operations.triggered import TriggeredBuilds

WEB = Trigger(id=1, name="web", repository="/srv/web.git", watch=Watch.PUSH, created_at=0.0, actor="ann")


@pytest.fixture
def world(tmp_path: Path) -> BuildWorld:
    made = BuildWorld(tmp_path)
    made.runs.codes["fetch"] = 128  # every build fails by itself: there is nothing to read in memory
    return made


def push(world: BuildWorld, commit: str, branch: str = "", tag: str = "") -> str:
    """As a look at the repository does."""
    builds = TriggeredBuilds(world.building, lambda: None)
    source = Source(
        repository=WEB.repository, name="web", commit=commit * 40, branch=branch or ("" if tag else "main"), tag=tag
    )
    begun = builds.begin(WEB, source, "", f"key-{source.ref}-{commit}")
    builds.give_up_others(WEB, source, begun.build)
    return f"{begun.build} {begun.already or 'has begun'}"


@pytest.mark.parametrize("turns", range(5))  # how far the daemon gets on with the builds between two pushes
def test_a_commit_that_was_overtaken_is_built_anew_when_it_comes_back(world: BuildWorld, turns: int) -> None:
    world.runs.lasts["fetch"] = 50.0
    told = []
    for commit in "abaab":
        told.append(push(world, commit))
        for _ in range(turns):
            world.once()
    assert [one.partition(" ")[0] for one in told] == ["build-1", "build-2", "build-3", "build-3", "build-4"]
    assert [one.endswith("has begun") for one in told] == [True, True, True, False, True]
    world.run()
    ends = {view.id: view.status for view in world.building.list()}
    assert [build for build, status in ends.items() if status is not BuildStatus.CANCELLED] == ["build-4"]


def test_a_build_that_ended_by_itself_or_by_a_person_is_the_build_of_its_commit(world: BuildWorld) -> None:
    push(world, "a")
    world.run()
    push(world, "b")
    assert push(world, "a") == "build-1 FAILURE"
    world.building.cancel("build-2", "ann@host")
    world.run()
    assert push(world, "b") == "build-2 CANCELLED"
    assert len(world.building.list()) == 2


def test_a_branch_that_is_put_back_to_a_commit_that_was_built_ends_what_it_was_at(world: BuildWorld) -> None:
    push(world, "a")
    world.run()
    push(world, "b")
    assert push(world, "a") == "build-1 FAILURE"
    world.run()
    view = world.building.show("build-2")
    assert (view.status, "main is at aaaaaaa" in view.because) == (BuildStatus.CANCELLED, True)
    assert push(world, "b") == "build-3 has begun"


def test_a_branch_and_a_tag_of_one_name_are_built_both(world: BuildWorld) -> None:
    world.runs.lasts["fetch"] = 50.0
    for _ in range(3):  # the third one waits
        push(world, "a", branch="v1")
        push(world, "a", tag="v1")
    assert len(world.building.list()) == 2
    for commit in "bc":
        push(world, commit, branch="v1")
        push(world, commit, tag="v1")
    world.run()
    ends = {(one.source.ref, one.source.commit[0]): one.status for one in world.building.list()}
    done = {what for what, status in ends.items() if status is BuildStatus.FAILURE}
    assert done == {("refs/heads/v1", "c"), ("refs/tags/v1", "c")}


def test_a_newer_commit_ends_no_retry(world: BuildWorld) -> None:
    push(world, "a")
    world.run()
    again = world.building.retry("build-1", "ann@host").id
    push(world, "b")
    world.run()
    assert world.building.show(again).status is BuildStatus.FAILURE
