"""Triggers on real repositories: what is pushed is built once, whoever says so and however often."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stoneware.clock import ManualClock
from stoneware.errors import Conflict, NotFound, Refused, Unreachable
from stoneware.model.build import BuildStatus, Source
from stoneware.model.trigger import Begun, Trigger, TriggerSpec, Watch
from stoneware.operations.triggering import Triggering
from stoneware.pipeline.git import short_name
from stoneware.store.database import url_for
from stoneware.store.store import Store, open_store


@dataclass
class Noted:
    """Builds that are only noted. `dies` ends the process, as it were, right after the next one has begun."""

    sources: dict[str, Source] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    dies: bool = False

    def begin(self, trigger: Trigger, source: Source, reason: str, key: str) -> Begun:
        already = BuildStatus.QUEUED if key in self.sources else None
        self.sources.setdefault(key, source)
        if self.dies:
            self.dies = False
            raise KeyboardInterrupt
        return Begun(build=f"build-{list(self.sources).index(key) + 1}", already=already)

    def give_up_others(self, trigger: Trigger, source: Source, but: str) -> list[str]:
        self.given_up.append(f"{source.branch or source.tag} but {but}")
        return []

    @property
    def names(self) -> list[str]:
        return [one.branch or one.tag for one in self.sources.values()]


@dataclass
class Team:
    """A bare repository and somebody who works on it."""

    bare: Path
    work: Path

    def git(self, *words: str, where: Path | None = None) -> str:
        who = {
            f"GIT_{role}_{what}": "ann@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}
        return subprocess.run(
            ["git", *words], cwd=where or self.work, env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def push(self, path: str = "app/x", branch: str = "main", tag: str = "") -> str:
        """A commit that changes one file. Returns it."""
        file = self.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.read_text() + "x" if file.exists() else "x")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"change {path}")
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        if tag:
            self.git("tag", "-a", tag, "-m", tag)
            self.git("push", "-q", "origin", tag)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "web.git", tmp_path / "work")
    made.git("init", "-q", "--bare", "-b", "main", str(made.bare), where=tmp_path)
    made.git("clone", "-q", str(made.bare), str(made.work), where=tmp_path)
    made.push()
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(url_for(tmp_path / "s.db"), ManualClock(1000.0))
    yield store
    store.close()


@pytest.fixture
def begun() -> Noted:
    return Noted()


@pytest.fixture
def triggering(store: Store, begun: Noted, tmp_path: Path) -> Triggering:
    return Triggering(store, begun, ManualClock(1000.0), tmp_path / "home")


def spec(team: Team, **given: Any) -> TriggerSpec:
    return TriggerSpec.model_validate({"repository": str(team.bare), "watch": "push", **given})


def create(triggering: Triggering, wish: TriggerSpec, name: str = "web", **given: bool) -> Trigger:
    return triggering.create(name, wish, "ann", "", **{"hook": False, **given})[0]


def looked(triggering: Triggering, trigger: Trigger) -> list[str]:
    return [f"{one.build} {one.already or ''}".strip() for one in triggering.look(trigger)]


def test_what_is_pushed_from_now_on_is_built(triggering: Triggering, team: Team, begun: Noted) -> None:
    trigger = create(triggering, spec(team))
    assert triggering.look(trigger) == []
    commit = team.push()
    assert looked(triggering, trigger) == ["build-1"]
    assert triggering.look(trigger) == []
    (source,) = begun.sources.values()
    assert source == Source(repository=str(team.bare), name="web", commit=commit, branch="main")
    assert begun.given_up == ["main but build-1"]


def test_now_builds_what_is_there(triggering: Triggering, team: Team, begun: Noted) -> None:
    team.push(branch="other")
    _, builds = triggering.create("web", spec(team, branch="^main$"), "ann", "", hook=False, now=True)
    assert (builds, begun.names) == ([Begun(build="build-1")], ["main"])


def test_refs_and_paths(triggering: Triggering, team: Team, begun: Noted) -> None:
    trigger = create(triggering, spec(team, branch="^main$", tag="^v", include=["app/**"], ignore=["**/*.md"]))
    team.push("docs/x")
    team.push("app/readme.md")
    assert triggering.look(trigger) == []
    team.push("app/y", branch="other")
    assert triggering.look(trigger) == []
    team.push("docs/y", tag="v1")  # main's new state has app/y, too: it came with this push
    triggering.look(trigger)
    assert sorted(begun.names) == ["main", "v1"]


def test_an_annotated_tag_is_its_commit(triggering: Triggering, team: Team, begun: Noted) -> None:
    trigger = create(triggering, spec(team, tag="."))
    commit = team.push(tag="v1")
    triggering.look(trigger)
    assert [one.commit for one in begun.sources.values()] == [commit]


def test_one_build_a_commit(triggering: Triggering, team: Team, begun: Noted) -> None:
    trigger = create(triggering, spec(team))
    before = team.git("rev-parse", "HEAD")
    after = team.push()
    triggering.look(trigger)
    for at in (before, after, before, after):
        team.git("push", "-q", "--force", "origin", f"{at}:refs/heads/main")
        triggering.look(trigger)
    assert [one.commit for one in begun.sources.values()] == [after, before]


def test_a_crash_between_beginning_and_noting_begins_nothing_twice(
    triggering: Triggering, team: Team, begun: Noted
) -> None:
    trigger = create(triggering, spec(team))
    team.push()
    begun.dies = True
    with pytest.raises(KeyboardInterrupt):
        triggering.look(trigger)
    assert looked(triggering, trigger) == ["build-1 QUEUED"]
    assert len(begun.sources) == 1


def test_a_branch_that_goes_and_comes_back(triggering: Triggering, team: Team, begun: Noted) -> None:
    trigger = create(triggering, spec(team, branch="topic"))
    team.push(branch="topic")
    triggering.look(trigger)
    team.git("push", "-q", "origin", ":refs/heads/topic")
    assert triggering.look(trigger) == []
    team.push(branch="topic")
    assert looked(triggering, trigger) == ["build-2"]


def test_a_namesake_is_another_trigger(triggering: Triggering, team: Team, begun: Noted) -> None:
    first = create(triggering, spec(team))
    assert create(triggering, spec(team)) == first
    with pytest.raises(Conflict):
        create(triggering, spec(team, branch="^x"))
    triggering.delete("web", "ann", "")
    with pytest.raises(NotFound):
        triggering.store.triggers.get("web")
    assert triggering.look(first) == []  # whoever still has it begins nothing for ever
    second = create(triggering, spec(team, branch="^main$"))
    assert second.id != first.id


def test_a_repository_that_goes_is_said_and_asked_more_rarely(triggering: Triggering, team: Team) -> None:
    trigger = create(triggering, spec(team, watch="poll", every="10s"))
    team.bare.rename(team.bare.with_name("gone.git"))
    pauses = []
    for _ in range(3):
        with pytest.raises(Unreachable):
            triggering.look(trigger)
        state = triggering.state(trigger)
        assert state.trouble
        pauses.append((state.next_look_at or 0) - 1000.0)
    assert pauses == [20, 40, 80]
    team.bare.with_name("gone.git").rename(team.bare)
    triggering.look(trigger)
    assert triggering.state(trigger).trouble == ""


def test_what_is_no_repository(triggering: Triggering, tmp_path: Path, team: Team) -> None:
    (tmp_path / "plain").mkdir()
    for place in ("plain", "nowhere"):
        with pytest.raises((Refused, Unreachable)):
            create(triggering, TriggerSpec(repository=str(tmp_path / place), watch=Watch.PUSH))
    assert triggering.store.triggers.list() == []


def test_the_hook_of_another_is_left_alone(triggering: Triggering, team: Team) -> None:
    hook = team.bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(Refused, match="trigger notify"):
        create(triggering, spec(team), hook=True)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    assert triggering.store.triggers.list() == []


def test_a_trigger_whose_name_is_taken_leaves_no_hook(triggering: Triggering, team: Team, tmp_path: Path) -> None:
    create(triggering, spec(team))
    other = tmp_path / "other.git"
    team.git("init", "-q", "--bare", str(other))
    with pytest.raises(Conflict):
        create(triggering, TriggerSpec(repository=str(other), watch=Watch.PUSH), hook=True)
    assert not (other / "hooks" / "post-receive").exists()


def test_the_hook_goes_with_the_last_trigger(triggering: Triggering, team: Team) -> None:
    hook = team.bare / "hooks" / "post-receive"
    for name in ("one", "two"):
        create(triggering, spec(team), name, hook=True)
    assert os.access(hook, os.X_OK)
    team.push()  # nobody can be told: a push isn't held up by that
    triggering.delete("one", "ann", "")
    assert hook.exists()
    triggering.delete("two", "ann", "")
    assert not hook.exists()


def test_nothing_that_a_repository_configures_is_run(triggering: Triggering, team: Team, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    trigger = create(triggering, spec(team, include=["app/**"]))
    team.push()
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
        "core.hooksPath",
        "core.editor",
        "uploadpack.packObjectsHook",
    ):
        team.git("config", key, str(program), where=team.bare)
    assert looked(triggering, trigger) == ["build-1"]
    assert not trap.exists()


def test_all_triggers_of_a_repository_are_told_of_a_push(triggering: Triggering, team: Team, begun: Noted) -> None:
    create(triggering, spec(team), "one")
    create(triggering, spec(team, branch="^other$"), "two")
    team.push()
    assert len(triggering.notified(f"{team.bare}/../web.git")) == 1
    assert triggering.notified("/nowhere") == []


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("/srv/git/web.git", "web"),
        ("/srv/git/web", "web"),
        ("https://git.example.org/team/web.git/", "web"),
        ("git@git.example.org:web.git", "web"),
        ("/", "repository"),
    ],
)
def test_short_names(repository: str, name: str) -> None:
    assert short_name(repository) == name


def test_an_older_trigger_whose_address_has_a_token_says_what_is_to_be_done(
    triggering: Triggering, store: Store, begun: Noted
) -> None:
    wish = TriggerSpec(repository="https://token@127.0.0.1:9/web.git", watch=Watch.POLL)
    old = store.triggers.add("web", wish, {}, "ann", "")
    with pytest.raises(Refused, match="token in it") as refused:
        triggering.look(old)
    assert "stoneware trigger delete web" in refused.value.next_step
    assert "token in it" in triggering.state(old).trouble and not begun.sources
