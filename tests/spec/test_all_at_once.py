"""One mistake never hides another, and never makes a third: wrong names are said together with wrong values."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.spec.documents import said

DOCUMENT = """
images:
  web: {{ {image} }}
deployments:
  town:
    groups:
      web: {{ image: {family}, health: {health}, disks: {{ data: {{ {disk} }} }} }}
    services:
      play: {{ {service} }}
"""
GOOD = {
    "image": "containerfile: Containerfile",
    "family": "web",
    "health": "{ http: { port: 80 } }",
    "disk": "size: 1GiB, mount: /srv",
    "service": 'group: web, port: 80, listen: "127.0.0.1:80"',
}


def paths(tmp_path: Path, **parts: str) -> list[str]:
    """The paths of what is wrong in the document with some parts replaced."""
    (tmp_path / "Containerfile").touch()
    lines = said(DOCUMENT.format(**{**GOOD, **parts}), tmp_path)
    return [line.split(" ", 1)[1].split(": ", 1)[0] for line in lines]


GROUP, PLAY = "deployments.town.groups.web", "deployments.town.services.play"
DISK = f"{GROUP}.disks.data"


def test_a_good_document_has_no_problem(tmp_path: Path) -> None:
    assert paths(tmp_path) == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # a wrong value beside a name that leads nowhere
        ({"family": "wep", "health": "{ http: { port: 0 } }"}, [f"{GROUP}.health.http.port", f"{GROUP}.image"]),
        ({"family": "wep", "health": "5"}, [f"{GROUP}.health", f"{GROUP}.image"]),
        ({"family": "wep", "health": "{}"}, [f"{GROUP}.health", f"{GROUP}.image"]),
        ({"image": "containerfile: x, zzz: 1"}, ["images.web.containerfile", "images.web.zzz"]),
        ({"image": "writable: [x, /a, /a/b]"}, ["images.web.writable", "images.web.writable[0]"]),
        ({"image": "writable: [x, y, /a, /a/b]"}, [f"images.web.writable{at}" for at in ("", "[0]", "[1]")]),
        ({"image": "test: [5, {}], context: x"}, ["images.web.context", "images.web.test[0]", "images.web.test[1]"]),
        ({"service": "group: x, listen: y"}, [f"{PLAY}.group", f"{PLAY}.listen", f"{PLAY}.port"]),
        ({"disk": "size: 1, mount: /srv", "image": "writable: [/srv]"}, [f"{DISK}.mount", f"{DISK}.size"]),
        # a thing that is wrong as a whole, beside a wrong value in it
        ({"family": "web, size: 0, rollout: { surge: 1 }"}, [f"{GROUP}.rollout", f"{GROUP}.size"]),
        (
            {"family": "web, size: 0, rollout: { strategy: canary }"},
            [GROUP, f"{GROUP}.size"],
        ),
        ({"health": "{ http: { port: 80 }, tcp: { port: 0 } }"}, [f"{GROUP}.health", f"{GROUP}.health.tcp.port"]),
        ({"health": "{ interval: x, timeout: 1s }"}, [f"{GROUP}.health", f"{GROUP}.health.interval"]),
        (
            {"health": "{ tcp: { port: 80 }, interval: x, healthy_for: 9m }"},
            [f"{GROUP}.health", f"{GROUP}.health.interval"],
        ),
        (
            {"image": "test: [{ http: { port: 80 }, tcp: { port: 80 }, within: x }]"},
            ["images.web.test[0]", "images.web.test[0].within"],
        ),
        # no consequence of what is wrong is said
        ({"image": "state_schema: { reads: [-1], writes: 1 }"}, ["images.web.state_schema.reads[0]"]),
        (
            {"family": "web, rollout: { strategy: canary, steps: [{ share: 101, duration: 6s }] }"},
            [GROUP, f"{GROUP}.rollout.steps[0].share"],  # it has a disk, too
        ),
        (
            {"family": "web, rollout: { analysis: { checks: [{ errors: { most: 101.0 } }] } }"},
            [f"{GROUP}.rollout.analysis.checks[0].errors.most"],
        ),
        ({"family": "web, rollout: { analysis: { checks: [] } }"}, [f"{GROUP}.rollout.analysis.checks"]),
        ({"family": "WEB"}, [f"{GROUP}.image"]),
        ({"image": "containerfil: x"}, ["images.web.containerfil"]),
        ({"image": "containerfile: 5"}, ["images.web.containerfile"]),
        ({"disk": "size: 1GiB"}, [f"{DISK}.mount"]),
        ({"service": "group: web, port: 80, listen: true"}, [f"{PLAY}.listen"]),
        ({"health": "{ htpp: { port: 80 } }"}, [f"{GROUP}.health.htpp"]),
        ({"health": "{ http: 5 }"}, [f"{GROUP}.health.http"]),
        ({"health": "{ tcp: { port: 80 }, healthy_for: 9m, deadline: x }"}, [f"{GROUP}.health.deadline"]),
        ({"family": "web, siz: 2, rollout: { strategy: rolling, unavailable: 1 }"}, [f"{GROUP}.siz"]),
        (
            {"family": "web, rollout: { strategy: canry, steps: [] }"},
            [f"{GROUP}.rollout.steps", f"{GROUP}.rollout.strategy"],
        ),
    ],
)
def test_all_that_is_wrong_and_only_that(parts: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    assert sorted(paths(tmp_path, **parts)) == expected


def test_two_wrong_addresses_do_not_meet(tmp_path: Path) -> None:
    text = DOCUMENT.format(**{**GOOD, "service": "group: web, port: 80"}) + "      again: { group: web, port: 80 }\n"
    (tmp_path / "Containerfile").touch()
    assert [line.split(": ", 1)[1] for line in said(text, tmp_path)] == [
        'is missing, write an address and port such as "127.0.0.1:8080"'
    ] * 2


def test_a_missing_recipe_is_said_beside_other_mistakes(tmp_path: Path) -> None:
    lines = said(DOCUMENT.format(**{**GOOD, "image": "", "health": "5"}), tmp_path)
    assert [line.split(" ")[1] for line in lines] == ["images.web.containerfile:", f"{GROUP}.health:"]
    (only,) = said(DOCUMENT.format(**{**GOOD, "image": "containerfil: here"}), tmp_path)
    assert "unknown key 'containerfil'" in only


def test_what_can_not_be_read_is_not_missed_where_it_is_named(tmp_path: Path) -> None:
    groups = "{ web: 5, api: { image: web, health: { tcp: { port: 80 } } } }"
    services = "{ play: { group: web, port: 80, listen: '*:80' } }"
    (only,) = said(f"deployments: {{ town: {{ groups: {groups}, services: {services} }} }}", tmp_path)
    assert only.startswith("1 deployments.town.groups.web: 5 is not a group of keys, known here: config, disks, health")
