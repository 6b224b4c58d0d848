"""A secret's version is content: another one is another fleet, and what has none is as it was."""

from __future__ import annotations

import hashlib
import json

from tests.decide.releases import group, image, service, spec

from stoneware.decide.environments import diff_groups
from stoneware.decide.fleet import machine_names, pin, wanted_machines
from stoneware.decide.plan import plan_release
from stoneware.model.deployment import DeploymentSpec
from stoneware.model.release import Release, content_of

IMAGES = {"web": image("web/1")}


def declared(**secrets: str) -> DeploymentSpec:
    return spec({"web": group(secrets=secrets)}, {"play": service()})


def release(number: int, of: DeploymentSpec, newest: dict[str, str], *retained: Release) -> Release:
    groups = pin(of, IMAGES, number, retained, newest)
    return Release(deployment="town", number=number, created_at=0, actor="ann", spec=of, groups=groups)


def test_each_variable_gets_the_version_that_is_newest_then() -> None:
    first = release(1, declared(PASSWORD="db", OTHER="db"), {"db": "db/2", "more": "more/1"})
    assert first.groups["web"].secrets == {"PASSWORD": "db/2", "OTHER": "db/2"}
    assert first.pinned_secrets == {("db", 2)}
    [wanted, *_] = wanted_machines(first, "web")
    assert wanted.secrets == {"PASSWORD": "db/2", "OTHER": "db/2"}


def test_another_version_is_another_fleet_and_the_old_one_is_the_old_fleet() -> None:
    first = release(1, declared(PASSWORD="db"), {"db": "db/1"})
    second = release(2, declared(PASSWORD="db"), {"db": "db/2"}, first)
    again = release(3, declared(PASSWORD="db"), {"db": "db/2"}, first, second)
    back = release(4, declared(PASSWORD="db"), {"db": "db/1"}, first, second, again)
    assert [one.groups["web"].fleet for one in (first, second, again, back)] == [1, 2, 2, 1]


def test_a_variable_with_another_secret_is_another_fleet_too() -> None:
    newest = {"a": "a/1", "b": "b/1"}
    first = release(1, declared(PASSWORD="a"), newest)
    others = [declared(PASSWORD="b"), declared(WORD="a"), declared(PASSWORD="a", WORD="b"), declared()]
    assert [release(2, other, newest, first).groups["web"].fleet for other in others] == [2, 2, 2, 2]


def test_what_has_no_secrets_keeps_the_fingerprint_that_it_had() -> None:
    of = declared().groups["web"]
    parts = of.model_dump(mode="json", include={"machine", "config", "disks"})
    before = json.dumps({"digest": "sha256:1", "ports": [80], **parts}, sort_keys=True)
    assert content_of(of, "sha256:1", (80,)) == hashlib.sha256(before.encode()).hexdigest()
    assert content_of(of, "sha256:1", (80,), {"A": "a/1"}) != content_of(of, "sha256:1", (80,))


def test_the_plan_says_which_versions_change() -> None:
    first = release(1, declared(PASSWORD="db", OLD="old"), {"db": "db/2", "old": "old/7"})
    second = release(2, declared(PASSWORD="db", NEW="new"), {"db": "db/3", "new": "new/1"}, first)
    [change] = plan_release(first, second).groups
    assert (change.action, change.retires) == ("replace", machine_names(first, "web"))
    assert change.why == (
        "secret NEW: (none) -> new/1",
        "secret OLD: old/7 -> (none)",
        "secret PASSWORD: db/2 -> db/3",
    )
    assert [one.why for one in diff_groups(first, second)] == [change.why]
