"""Names that lead nowhere, and things that can't stand together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoneware.model.document import Document
from stoneware.spec.references import reference_problems

HEALTH = {"tcp": {"port": 80}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    for place in (tmp_path, inside, inside / "sub"):
        (place / "Containerfile").touch()
    (inside / "away").symlink_to(tmp_path / "Containerfile")
    (inside / "circle").symlink_to("circle")
    return inside


def found(folder: Path, images: dict[str, Any] | None = None, **deployments: Any) -> list[tuple[str, str]]:
    """Paths and what is wrong."""
    document = Document.model_validate({"images": images or {}, "deployments": deployments})
    return [(".".join(str(part) for part in path), wrong) for path, wrong, _ in reference_problems(document, folder)]


def groups(**more: Any) -> dict[str, Any]:
    return {"groups": {name: {"image": "web", "health": HEALTH, **one} for name, one in more.items()}}


def services(*listens: str) -> dict[str, Any]:
    entries = {f"s{i}": {"group": "web", "port": 80, "listen": listen} for i, listen in enumerate(listens)}
    return {**groups(web={}), "services": entries}


@pytest.mark.parametrize("containerfile", ["Containerfile", "sub/Containerfile", "./sub/../Containerfile"])
def test_recipes_below_the_folder(containerfile: str, folder: Path) -> None:
    assert found(folder, {"web": {"containerfile": containerfile}}) == []


@pytest.mark.parametrize(
    ("image", "key", "wrong"),
    [
        ({"containerfile": "none"}, "containerfile", "there is no 'none'"),
        ({"containerfile": "sub"}, "containerfile", "there is no 'sub'"),
        ({"containerfile": "../Containerfile"}, "containerfile", "leads out"),
        ({"containerfile": "/etc/passwd"}, "containerfile", "leads out"),
        ({"containerfile": "away"}, "containerfile", "leads out"),
        ({"containerfile": "circle"}, "containerfile", "'circle'"),
        ({"containerfile": "a\0b"}, "containerfile", "'a\\x00b'"),
        ({"containerfile": "\ud800"}, "containerfile", "'\\ud800'"),
        ({"containerfile": "x" * 300}, "containerfile", "there is no 'xxx"),
        ({"context": "none"}, "context", "there is no 'none'"),
        ({"context": "Containerfile"}, "context", "there is no 'Containerfile'"),
        ({"context": ".."}, "context", "leads out"),
    ],
)
def test_recipes_that_are_not_there(image: dict[str, str], key: str, wrong: str, folder: Path) -> None:
    ((path, said),) = found(folder, {"web": image})
    assert path == f"images.web.{key}"
    assert wrong in said


@pytest.mark.parametrize(
    ("listens", "wrong"),
    [
        (("127.0.0.1:80", "127.0.0.1:81"), []),
        (("127.0.0.1:80", "127.0.0.2:80"), []),
        (("127.0.0.1:80", "127.0.0.1:80"), ["s1"]),
        (("127.0.0.1:80", "localhost:80"), ["s1"]),
        (("127.0.0.1:80", "*:80"), ["s1"]),
        (("0.0.0.0:80", "127.0.0.1:80"), ["s1"]),
        (("256.0.0.1:80",), ["s0"]),
        (("127.0.0.01:80",), ["s0"]),
        (("127.0.0.1:0",), ["s0"]),
        (("127.0.0.1:65536",), ["s0"]),
        (("127.0.0.1:080",), ["s0"]),
    ],
)
def test_each_service_has_an_address_of_its_own(listens: tuple[str, ...], wrong: list[str], folder: Path) -> None:
    places = [path.split(".")[3] for path, _ in found(folder, town=services(*listens))]
    assert places == wrong


def test_addresses_meet_across_deployments(folder: Path) -> None:
    ((path, wrong),) = found(folder, a=services("*:80"), b=services("127.0.0.1:80"))
    assert (path, wrong) == ("deployments.b.services.s0.listen", "127.0.0.1:80 is taken by service a.s0")


def disks(**mounts: str) -> dict[str, Any]:
    return {"disks": {name: {"size": "1GiB", "mount": mount} for name, mount in mounts.items()}}


@pytest.mark.parametrize(
    ("mounts", "writable", "problems"),
    [
        (("/a", "/b"), (), 0),
        (("/a", "/ab"), (), 0),
        (("/a", "/a/b"), (), 1),
        (("/a", "/a"), (), 1),
        (("/a",), ("/a/b",), 1),
        (("/a/b",), ("/a",), 1),
        (("/a",), ("/b", "/c"), 0),
        ((), ("/a", "/a/b", "/a/b/c"), 3),
    ],
)
def test_a_path_is_in_one_place_only(
    mounts: tuple[str, ...], writable: tuple[str, ...], problems: int, folder: Path
) -> None:
    images = {"web": {"writable": writable}}
    named = {f"d{i}": mount for i, mount in enumerate(mounts)}
    assert len(found(folder, images, town=groups(web=disks(**named)))) == problems


@pytest.mark.parametrize(
    ("deployments", "where"),
    [
        ({"a": groups(b={}), "b": groups(a={})}, []),
        ({"a-b": groups(c={}), "a": groups(**{"b-c": {}})}, ["deployments.a.groups.b-c"]),
        ({"a": groups(**{"b": disks(**{"c-d": "/x"}), "b-c": disks(d="/x")})}, ["deployments.a.groups.b-c.disks.d"]),
    ],
)
def test_different_things_do_not_come_to_the_same_name(
    deployments: dict[str, Any], where: list[str], folder: Path
) -> None:
    assert [path for path, _ in found(folder, **deployments)] == where


@pytest.mark.parametrize(("size", "problems"), [(1, 0), (10, 0), (11, 1), (1000, 1)])
def test_the_names_of_machines_fit_into_a_host_name(size: int, problems: int, folder: Path) -> None:
    group = "g" * 40
    assert len(found(folder, **{"d" * 14: groups(**{group: {"size": size}})})) == problems


def test_a_file_without_images_deploys_what_another_one_bakes(folder: Path) -> None:
    assert found(folder, town=groups(web={"image": "elsewhere/3"})) == []
    ((path, wrong),) = found(folder, {"web": {}}, town=groups(web={"image": "elsewhere/3"}))
    assert (path, wrong) == ("deployments.town.groups.web.image", "no image family 'elsewhere' is declared here")


def test_a_variable_is_config_or_a_secret(folder: Path) -> None:
    both = groups(web={"config": {"A": "1", "B": "2"}, "secrets": {"B": "db-password", "C": "db-password"}})
    assert found(folder, town=both) == [("deployments.town.groups.web.secrets.B", "B is in config, too")]


@pytest.mark.parametrize(("variable", "secret"), [("../etc", "a"), ("A-B", "a"), ("A", "A"), ("A", "a/1"), ("A", "")])
def test_secrets_have_names_that_can_be_files(variable: str, secret: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        Document.model_validate({"deployments": {"town": groups(web={"secrets": {variable: secret}})}})


@pytest.mark.parametrize(
    ("engine", "deliver", "wrong"),
    [
        ("container", None, ["family web isn't delivered as a container, which engine container starts"]),
        ("qemu", ["container"], ["family web isn't delivered as a vm, which engine qemu starts"]),
        ("qemu", None, []),
        ("container", ["vm", "container"], []),
        ("fake", None, []),
    ],
)
def test_a_family_is_delivered_in_the_form_that_the_engine_starts(
    engine: str, deliver: list[str] | None, wrong: list[str], folder: Path
) -> None:
    image: dict[str, Any] = {"containerfile": "Containerfile", **({"deliver": deliver} if deliver else {})}
    told = found(folder, {"web": image}, shop={**groups(web={}), "engine": engine})
    assert told == [("deployments.shop.groups.web.image", one) for one in wrong]


@pytest.mark.parametrize(("kind", "problems"), [("release.changed", 1), ("inside.port", 0), ("clock.back", 0)])
def test_what_says_that_the_record_is_forged_is_not_let_pass(kind: str, problems: int, folder: Path) -> None:
    ignore = {"kind": kind, "reason": "known", "until": "2027-01-31"}
    said = found(folder, town={**groups(web={}), "drift": {"ignore": [ignore]}})
    assert [path for path, _ in said] == ["deployments.town.drift.ignore.0.kind"] * problems


@pytest.mark.parametrize(
    ("check", "strategy", "served", "wrong"),
    [
        ({"errors": {"more": 1.0}}, "blue_green", True, ("errors", "no traffic to compare with")),
        ({"latency": {"times": 1.5}}, "recreate", True, ("latency", "no traffic to compare with")),
        ({"errors": {"most": 1.0}}, "canary", False, ("errors", "no service leads")),
        ({"errors": {"more": 1.0, "most": 5.0}}, "blue_green", True, None),
        ({"errors": {"more": 1.0}}, "rolling", True, None),
        ({"probe": {"tcp": {"port": 80}}}, "blue_green", False, None),
    ],
)
def test_a_check_that_could_never_judge_anything(
    check: dict[str, Any], strategy: str, served: bool, wrong: tuple[str, str] | None, folder: Path
) -> None:
    one = groups(web={"rollout": {"strategy": strategy, "analysis": {"checks": [check]}}})
    listening = {"services": services("127.0.0.1:8080")["services"]} if served else {}
    problems = found(folder, town={**one, **listening})
    if wrong is None:
        assert problems == []
    else:
        [(path, said)] = problems
        assert path == f"deployments.town.groups.web.rollout.analysis.checks.0.{wrong[0]}"
        assert wrong[1] in said
