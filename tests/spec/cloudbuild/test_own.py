"""The build of a repository that has only a stoneware.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.spec.documents import EXAMPLE

from stoneware.errors import BadInput
from stoneware.model.build import BuildSpec, BuildStep
from stoneware.spec.cloudbuild import own_build
from stoneware.spec.explain import explain
from stoneware.spec.load import load, parse

TWO = """
images:
  web: {}
  api: {}
deployments:
  town:
    engine: fake
    groups:
      front: { image: web, health: { tcp: { port: 80 } } }
"""


def read(folder: Path, build: str) -> BuildSpec:
    (folder / "Containerfile").write_text("FROM scratch\n")
    return own_build(parse(TWO + build, "stoneware.yaml", folder).document)


def test_without_a_word_it_is_checked_and_every_family_is_baked() -> None:
    spec = own_build(load(EXAMPLE).document)
    assert spec.steps[0] == BuildStep(id="check", verb="check")
    assert spec.steps[1] == BuildStep(id="bake critter-web", verb="bake", args=("critter-web",), waits_for=(0,))
    assert {step.verb for step in spec.steps[1:]} == {"bake"}
    assert spec.timeout_s == 3600


def test_all_of_it(tmp_path: Path) -> None:
    spec = read(
        tmp_path, "build: { image: python:3.12, test: [[make, test], [make, lint]], deploy: [town], timeout: 30m }"
    )
    assert spec == BuildSpec(
        steps=(
            BuildStep(id="check", verb="check"),
            BuildStep(
                id="test 1", image="python:3.12", entrypoint="make", args=("test",), network="none", waits_for=(0,)
            ),
            BuildStep(
                id="test 2", image="python:3.12", entrypoint="make", args=("lint",), network="none", waits_for=(0, 1)
            ),
            BuildStep(id="bake web", verb="bake", args=("web",), waits_for=(0, 1, 2)),
            BuildStep(id="bake api", verb="bake", args=("api",), waits_for=(0, 1, 2, 3)),
            BuildStep(id="deploy town", verb="deploy", args=("town",), waits_for=(0, 1, 2, 3, 4)),
        ),
        timeout_s=1800,
    )


def test_one_family_or_none_and_a_network(tmp_path: Path) -> None:
    spec = read(tmp_path, "build: { bake: [api], image: x, test: [[t]], network: outside }")
    assert [(step.id, step.network) for step in spec.steps] == [
        ("check", "outside"),
        ("test", "outside"),
        ("bake api", "outside"),
    ]
    assert [step.id for step in read(tmp_path, "build: { bake: [] }").steps] == ["check"]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("{ test: [[a]] }", "build: test needs a container to run in, name its image, such as image: python:3.12"),
        ("{ bake: [wep] }", "build.bake[0]: there is no family 'wep', did you mean 'web'?"),
        ("{ deploy: [tow] }", "build.deploy[0]: there is no deployment 'tow', did you mean 'town'?"),
        ("{ image: x, test: [make] }", "build.test[0]: 'make' is not a list, write it as - items, or in [ ]"),
        ("{ image: x, test: [[]] }", "build.test[0]: is empty, give it at least 1"),
        ("{ image: '-x' }", "build.image: '-x' has the wrong form, write the name of an image, such as python:3.12"),
        ("{ network: host }", "build.network: 'host' is not known, write 'none' or 'outside'"),
        ("{ timeout: 25h }", "build.timeout: '25h' is too large, write at most 1d"),
        ("{ tests: [] }", "build.tests: unknown key 'tests', did you mean 'test'?"),
    ],
)
def test_what_cant_be(tmp_path: Path, build: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(tmp_path, f"build: {build}")
    assert [str(one).partition(" ")[2] for one in refused.value.problems] == [said]


def test_every_default_is_explained() -> None:
    text = explain(load(EXAMPLE).document)
    for line in ("build:  # default", '  bake: ["all"]  # default', '  network: "none"  # default', '  timeout: "1h"'):
        assert line in text
