"""Which changes a trigger builds."""

from __future__ import annotations

from typing import Any

import pytest

from stoneware.decide.triggering import changes, named, overtaken, pause_s, touched
from stoneware.model.build import BuildStatus
from stoneware.model.trigger import Change, TriggerSpec, Watch

A, B = "a" * 40, "b" * 40


def spec(**given: Any) -> TriggerSpec:
    return TriggerSpec(repository="/srv/web.git", watch=Watch.PUSH, **given)


def test_what_moved() -> None:
    seen = {"refs/heads/main": A, "refs/heads/old": A, "refs/heads/same": A}
    now = {"refs/heads/main": B, "refs/heads/same": A, "refs/tags/v1": B, "refs/pull/1/head": B}
    assert [(one.ref, one.old, one.new, one.branch, one.tag) for one in changes(seen, now)] == [
        ("refs/heads/main", A, B, "main", ""),
        ("refs/tags/v1", "", B, "", "v1"),
    ]


@pytest.mark.parametrize(
    ("given", "ref", "counts"),
    [
        ({}, "refs/heads/anything", True),
        ({}, "refs/tags/v1", False),
        ({"branch": "^main$"}, "refs/heads/main", True),
        ({"branch": "^main$"}, "refs/heads/main2", False),
        ({"branch": "main"}, "refs/heads/not-main-really", True),
        ({"branch": "^main$"}, "refs/tags/main", False),
        ({"tag": r"^v\d"}, "refs/tags/v1", True),
        ({"tag": r"^v\d"}, "refs/heads/v1", False),
        ({"tag": "^v", "branch": "^main$"}, "refs/heads/main", True),
        ({"tag": "^v", "branch": "^main$"}, "refs/tags/v1", True),
    ],
)
def test_names(given: dict[str, str], ref: str, counts: bool) -> None:
    assert named(spec(**given), Change(ref=ref, old="", new=A)) is counts


@pytest.mark.parametrize(
    ("include", "ignore", "files", "counts"),
    [
        ((), (), ["a"], True),
        (("app/**",), (), ["docs/x"], False),
        (("app/**",), (), ["docs/x", "app/y"], True),
        ((), ("docs/**",), ["docs/x"], False),
        ((), ("docs/**",), ["docs/x", "y"], True),
        (("app/**",), ("**/*.md",), ["app/README.md"], False),
        (("app/**",), ("**/*.md",), ["app/README.md", "app/x.py"], True),
        (("app/**",), (), None, True),
        (("app/**",), (), [], True),
    ],
)
def test_paths(include: tuple[str, ...], ignore: tuple[str, ...], files: list[str] | None, counts: bool) -> None:
    assert touched(spec(include=include, ignore=ignore), files) is counts


def test_a_repository_that_does_not_answer_is_asked_ever_more_rarely() -> None:
    pauses = [pause_s(60, failures) for failures in range(8)]
    assert pauses[:4] == [60, 120, 240, 480]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 900
    assert pause_s(3600, 5) == 3600


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository": "ext::sh -c true"},
        {"repository": "--upload-pack=x"},
        {"repository": "-x"},
        {"repository": "file with spaces"},
        {"repository": "https://ann:secret@git.example.org/x"},
        {"repository": "relative/path"},
        {"repository": ""},
        {"branch": "("},
        {"branch": "(" * 400},
        {"every": 1},
        {"substitutions": {"USER": "x"}},
        {"substitutions": {"_USER": "x\ny"}},
        {"form": "github"},
        {"watch": "webhook"},
        {"watch": "push", "repository": "https://git.example.org/x"},
        {"allow": ["everything"]},
    ],
)
def test_wishes_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TriggerSpec.model_validate({"repository": "/srv/web.git", "watch": "push", **wrong})


@pytest.mark.parametrize(
    "repository",
    [
        "/srv/git/web.git",
        "https://git.example.org/web.git",
        "ssh://git@git.example.org:22/web",
        "git@git.example.org:team/web.git",
    ],
)
def test_repositories(repository: str) -> None:
    watch = Watch.PUSH if repository.startswith("/") else Watch.POLL
    assert TriggerSpec(repository=repository, watch=watch).repository == repository


@pytest.mark.parametrize(
    ("status", "cancelled_by", "gone"),
    [
        (BuildStatus.QUEUED, [], False),
        (BuildStatus.WORKING, [], False),
        (BuildStatus.SUCCESS, [], False),
        (BuildStatus.FAILURE, [], False),
        (BuildStatus.CANCELLED, [], True),  # a newer one was before it in the queue
        (BuildStatus.CANCELLED, ["trigger:web"], True),
        (BuildStatus.WORKING, ["trigger:web"], True),  # it is about to end
        (BuildStatus.SUCCESS, ["trigger:web"], False),  # it ended before it heard that
        (BuildStatus.CANCELLED, ["ann@host"], False),
        (BuildStatus.CANCELLED, ["trigger:web", "ann@host"], False),
        (BuildStatus.WORKING, ["ann@host"], False),
    ],
)
def test_which_builds_were_given_up_for_a_newer_commit(
    status: BuildStatus, cancelled_by: list[str], gone: bool
) -> None:
    assert overtaken(status, cancelled_by) is gone
