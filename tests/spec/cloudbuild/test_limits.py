"""The limits of the format: what is just within is read, what is just beyond is said."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from tests.support.cloudbuild import USUAL

from stoneware.errors import BadInput
from stoneware.model.build import BuildSpec, Source
from stoneware.spec.cloudbuild import expand, read_cloudbuild

KEYS = [f"_K{number}" for number in range(300)]
HEX = "ab" * 32


def build(**more: Any) -> dict[str, Any]:
    return {"steps": [{"name": "a"}], "options": {"substitutionOption": "ALLOW_LOOSE"}, **more}


def step(**more: Any) -> dict[str, Any]:
    return build(steps=[{"name": "a", **more}])


def read(values: dict[str, Any], source: Source = USUAL, **given: str) -> BuildSpec:
    return expand(read_cloudbuild(json.dumps(values), "b.json"), source, given, build_id="b-1")


@pytest.mark.parametrize(
    ("within", "beyond", "said"),
    [
        (
            build(steps=[{"name": "a"}] * 300),
            build(steps=[{"name": "a"}] * 301),
            "steps: has 301 steps, write at most 300",
        ),
        (step(args=["x"] * 100), step(args=["x"] * 101), "steps[0].args: has 101 arguments, write at most 100"),
        (step(args=["x" * 10_000]), step(args=["x" * 10_001]), "has 10001 characters, write at most 10000"),
        (step(env=["A=1"] * 100), step(env=["A=1"] * 101), "steps[0].env: has 101 variables, write at most 100"),
        (step(env=["A=" + "x" * 65_533]), step(env=["A=" + "x" * 65_534]), "has 65536 bytes, write at most 65535"),
        (step(env=["A=" + "\u00fc" * 32_766]), step(env=["A=" + "\u00fc" * 32_767]), "has 65536 bytes, write at most"),
        (step(env=["A=\n" + "\u2603" * 21_844]), step(env=["A=\n" + "\u2603" * 21_845]), "steps[0].env[0]: 'A="),
        (
            build(steps=[{"name": "a", "env": ["A=" + "x" * 61_533 + "$_U"]}], substitutions={"_U": "\u00fc" * 2000}),
            build(steps=[{"name": "a", "env": ["A=" + "x" * 61_534 + "$_U"]}], substitutions={"_U": "\u00fc" * 2000}),
            "steps[0].env[0]: becomes 65536 bytes long, at most 65535",
        ),
        (
            build(steps=[{"name": "a", "args": ["$_U" * 5] * 75}], substitutions={"_U": "\u00fc" * 2000}),
            build(
                steps=[{"name": "a", "args": ["$_U" * 5] * 75, "env": ["A="]}], substitutions={"_U": "\u00fc" * 2000}
            ),
            "steps[0]: has 1500002 bytes of arguments and variables, write at most 1500000",
        ),
        (step(dir="x/" * 500), step(dir="x/" * 500 + "x"), "has 1001 characters, write at most 1000"),
        (step(dir="x" * 255), step(dir="x" * 256), "has a part of more than 255 bytes"),
        (step(dir="/é/" + "é" * 127), step(dir="/é/" + "é" * 128), "has a part of more than 255 bytes"),
        (
            build(steps=[{"name": "a", "dir": "$_D/$_D/x/x"}], substitutions={"_D": "x/" * 1020}),
            build(steps=[{"name": "a", "dir": "$_D/$_D/x/xxx"}], substitutions={"_D": "x/" * 1020 + "x"}),
            "has more than 4095 bytes",
        ),
        (step(env=["C#=1"]), step(env=["#C=1"]), "'#C=1' names no variable"),
        (step(id="x" * 100), step(id="x" * 101), "steps[0].id: is no id"),
        (step(id="x y"), step(id="x\ny"), "steps[0].id: is no id"),
        (
            build(steps=[{"name": "a", "args": ["$_X" * 5]}], substitutions={"_X": "x" * 2000}),
            build(steps=[{"name": "a", "args": ["$_X" * 6]}], substitutions={"_X": "x" * 2000}),
            "steps[0].args[0]: becomes 12000 characters long, at most 10000",
        ),
        (
            build(steps=[{"name": "a", "args": ["$_X" * 5] * 20}] * 10, substitutions={"_X": "x" * 2000}),
            build(steps=[{"name": "a", "args": ["$_X" * 5] * 21}] * 10, substitutions={"_X": "x" * 2000}),
            "all fields together are longer than 2097152 characters",
        ),
        (build(steps=[{"name": "oci/a:1"}]), build(steps=[{"name": "oci:1"}]), "'oci:1' is no name of an image"),
        (build(images=["a"] * 100), build(images=["a"] * 101), "images: has 101 images, write at most 100"),
        (build(tags=["a"] * 64), build(tags=["a"] * 65), "tags: has 65 tags, write at most 64"),
        (
            build(substitutions=dict.fromkeys(KEYS[:200], "")),
            build(substitutions=dict.fromkeys(KEYS[:201], "")),
            "substitutions: has 201 keys, write at most 200",
        ),
        (
            build(substitutions={"_" + "A" * 99: ""}),
            build(substitutions={"_" + "A" * 100: ""}),
            "the key has 101 bytes, write at most 100",
        ),
        (
            build(substitutions={"_A": "\u00e4" * 2000}),
            build(substitutions={"_A": "\u00e4" * 2000 + "x"}),
            "substitutions._A: has 4001 bytes, write at most 4000",
        ),
        (
            build(artifacts={"objects": {"paths": [f"f{at}" for at in range(100)]}}),
            build(artifacts={"objects": {"paths": [f"f{at}" for at in range(101)]}}),
            "artifacts.objects.paths: has 101 paths, write at most 100",
        ),
        (build(timeout="86400s"), build(timeout="86401s"), "86401s is too long, write at most 86400s (1d)"),
        (build(tags=["a" * 128]), build(tags=["a" * 129]), "is no tag"),
        (step(name=f"a@sha256:{HEX}"), step(name=f"a@sha256:{HEX}a"), "is no name of an image"),
    ],
    ids=lambda one: one[:40] if isinstance(one, str) else "",
)
def test_a_limit(within: dict[str, Any], beyond: dict[str, Any], said: str) -> None:
    read(within)
    with pytest.raises(BadInput) as refused:
        read(beyond)
    assert [one for one in map(str, refused.value.problems) if said in one]
    assert len(refused.value.problems) == 1


def test_what_is_larger_than_a_file_can_be() -> None:
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        read_cloudbuild("#" * (2**20 + 1), "b.yaml")


def test_bytes_are_utf_8() -> None:
    assert read_cloudbuild("\ufeffsteps: [{name: a, id: \u00e4}]".encode(), "b.yaml").draft.steps[0].id == "\u00e4"
    with pytest.raises(BadInput) as refused:
        read_cloudbuild(b"steps:\n- name: \xe4\n", "b.yaml")
    assert [str(one) for one in refused.value.problems] == [
        "b.yaml:2: is not UTF-8 text (invalid continuation byte), save it as UTF-8"
    ]


def test_what_is_given_from_outside_has_the_same_limits() -> None:
    with pytest.raises(BadInput) as refused:
        read(build(), _A="x" * 4001)
    assert "has 4001 bytes" in str(refused.value.problems[0])


def test_a_long_chain_of_substitutions_is_no_trouble() -> None:
    chain = {key: f"${after}" for key, after in pairwise(KEYS[:200])}
    options = {"dynamicSubstitutions": True}
    found = read(
        build(steps=[{"name": "a", "args": ["$_K0"]}], substitutions={**chain, "_K199": "end"}, options=options)
    )
    assert found.steps[0].args == ("end",)


def test_names_that_could_take_forever_to_fit_dont() -> None:
    with pytest.raises(BadInput):
        read(step(name="a" * 500 + "-" * 300 + "!"))
    with pytest.raises(BadInput):
        read(step(name=("a-" * 250) + "!"))


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("https://git.example.com/critters/web.git", "critters/web"),
        ("ssh://git@git.example.com:2222/critters/tools/web", "critters/tools/web"),
        ("git@git.example.com:critters/web.git", "critters/web"),
        ("/srv/git/web.git", "web"),
        ("", "web"),
    ],
)
def test_the_full_name_of_a_repository(repository: str, expected: str) -> None:
    source = Source(repository=repository, name="web", commit="a" * 40)
    assert read(step(args=["$REPO_FULL_NAME"]), source).steps[0].args == (expected,)


def test_a_commit_can_t_say_otherwise_what_is_known_of_its_push() -> None:
    args = ["$COMMIT_SHA", "$BRANCH_NAME", "$TRIGGER_NAME", "$TRIGGER_BUILD_CONFIG_PATH", "$_A"]
    said = {"COMMIT_SHA": "f" * 40, "BRANCH_NAME": "$_A", "TRIGGER_NAME": "other", "_A": "${BRANCH_NAME}-a"}
    wanted = read_cloudbuild(json.dumps({"steps": [{"name": "a", "args": args}], "substitutions": said}), "ci/b.json")
    source = Source(repository="/srv/web.git", name="web", commit="c" * 40, branch="main")
    triggered = expand(wanted, source, {}, build_id="b-1", trigger="web")
    assert triggered.steps[0].args == ("c" * 40, "main", "web", "ci/b.json", "main-a")
    of_a_person = {**said, "BRANCH_NAME": "prod"}
    wanted = read_cloudbuild(
        json.dumps({"steps": [{"name": "a", "args": args}], "substitutions": of_a_person}), "b.json"
    )
    assert expand(wanted, source, {}, build_id="b-1").steps[0].args[:3] == ("f" * 40, "prod", "other")
