"""Provenances and boot tests: every fact has its place, and what isn't known isn't written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from tests.bake.facts import BAKED, IMAGE, KERNEL, KEY, TESTED

from stoneware.bake.provenance import boot_test, provenance, record_in
from stoneware.errors import Refused
from stoneware.model.attestation import ProvenanceFacts, Statement
from stoneware.model.evidence import Inside
from stoneware.model.image import BootTestRecord


def written(statement: Statement) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement.to_json())
    return found


def test_a_provenance_is_a_slsa_provenance_of_the_image_and_its_files() -> None:
    statement = written(provenance(BAKED))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [
        {"name": "critter-web", "digest": {"sha256": "ab" * 32}},
        {"name": "initrd.img", "digest": {"sha256": "02" * 32}},
        {"name": "root.img", "digest": {"sha256": "01" * 32}},
    ]
    definition, run = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert set(statement["predicate"]) == {"buildDefinition", "runDetails"}
    assert definition["buildType"] == "urn:stoneware:bake:v1"
    assert definition["externalParameters"] == {
        "family": "critter-web",
        "recipe": "Containerfile",
        "base": "stoneware/debian:12",
        "deliver": ["machine"],
        "writable": ["/var/lib/critters"],
    }
    assert definition["resolvedDependencies"] == [
        {"name": "Containerfile", "digest": {"sha256": "03" * 32}},
        {
            "name": "recipe",
            "uri": f"git+https://example.org/critters.git@{'4' * 40}",
            "digest": {"gitCommit": "4" * 40},
            "annotations": {"dirty": "true"},
        },
        {"name": "stoneware/debian:12", "digest": {"sha256": "05" * 32}},
        KERNEL.model_dump(exclude={"annotations"}),
        {"name": "data.tar", "digest": {"sha256": "06" * 32}},
    ]
    assert run["builder"] == {"id": f"urn:stoneware:installation:{KEY}", "version": {"stoneware": "0.1.0"}}
    assert run["metadata"] == {
        "invocationId": "bake-7",
        "startedOn": "2023-11-14T22:13:20Z",
        "finishedOn": "2023-11-14T22:14:20Z",
    }
    assert run["byproducts"] == [{"name": "sbom.json", "digest": {"sha256": "07" * 32}}]
    assert "secret" not in json.dumps(statement)


def test_what_isnt_known_isnt_written() -> None:
    bare = BAKED.model_copy(update={"commit": "", "base_digest": None, "kernel": None, "materials": ()})
    dependencies = written(provenance(bare))["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert dependencies == [{"name": "Containerfile", "digest": {"sha256": "03" * 32}}]
    clean = BAKED.model_copy(update={"dirty": False, "repository": "/home/ann/critters"})
    recipe = written(provenance(clean))["predicate"]["buildDefinition"]["resolvedDependencies"][1]
    assert recipe == {"name": "recipe", "digest": {"gitCommit": "4" * 40}}


def test_further_parameters_cant_hide_ours() -> None:
    more = BAKED.model_copy(update={"parameters": {"family": "other", "arch": "x86_64"}})
    parameters = written(provenance(more))["predicate"]["buildDefinition"]["externalParameters"]
    assert (parameters["family"], parameters["arch"]) == ("critter-web", "x86_64")


def test_a_boot_test_says_what_was_started_and_what_it_answered() -> None:
    statement = written(boot_test(TESTED))
    assert statement["predicateType"] == "urn:stoneware:boot-test:v1"
    assert statement["subject"] == [{"name": "critter-web", "digest": {"sha256": "ab" * 32}}]
    assert statement["predicate"] == {
        "result": "PASSED",
        "tests": ["http :80/ -> 200: it answers", "at most 0 failed units: none"],
        "engine": "qemu",
        "consoleTail": "login:\x1b[0m é\n",
        "tester": {"id": f"urn:stoneware:installation:{KEY}", "version": {"stoneware": "0.1.0"}},
        "invocationId": "bake-7",
        "startedOn": "2023-11-14T22:14:20Z",
        "finishedOn": "2023-11-14T22:14:30Z",
        "startedAt": 1_700_000_060.0,
        "seconds": 10.0,
    }
    failed = written(boot_test(TESTED.model_copy(update={"passed": False})))
    assert failed["predicate"]["result"] == "FAILED"


def test_a_boot_test_says_what_the_machines_were_like_where_they_could_tell() -> None:
    seen = {"vm": Inside(listening=("tcp/80",), units=("nginx.service",))}
    told = written(boot_test(TESTED.model_copy(update={"inside": seen})))["predicate"]["inside"]
    assert told["vm"]["listening"] == ["tcp/80"]
    assert "inside" not in written(boot_test(TESTED))["predicate"]


SEEN = {"vm": Inside(listening=("tcp/80",), units=("nginx.service",))}


def test_the_record_of_a_boot_test_is_read_back_from_what_is_stated() -> None:
    facts = TESTED.model_copy(update={"inside": SEEN, "started_at": 1_700_000_060.25, "finished_at": 1_700_000_070.75})
    assert record_in(Statement.from_json(boot_test(facts).to_json()), IMAGE) == BootTestRecord(
        digest=IMAGE,
        passed=True,
        started_at=1_700_000_060.25,
        seconds=10.5,
        results=TESTED.tests,
        console_tail=TESTED.console_tail,
        inside=SEEN,
    )
    assert not record_in(boot_test(TESTED.model_copy(update={"passed": False})), IMAGE).passed


def changed(**news: Any) -> Statement:
    """What is stated of a boot test, with other things in it; None takes one away."""
    said = {name: value for name, value in {**boot_test(TESTED).predicate, **news}.items() if value is not None}
    return boot_test(TESTED).model_copy(update={"predicate": said})


def test_what_an_earlier_stoneware_stated_of_a_boot_test_has_whole_seconds() -> None:
    record = record_in(changed(startedAt=None, seconds=None, finishedOn="2023-11-14T22:14:33Z"), IMAGE)
    assert (record.started_at, record.seconds, record.inside) == (1_700_000_060.0, 13.0, {})


@pytest.mark.parametrize(
    "news",
    [
        {"result": None},
        {"tests": None},
        {"tests": "all"},
        {"startedAt": "soon"},
        {"startedAt": None, "startedOn": "soon"},
        {"startedAt": None, "startedOn": 5},
        {"inside": ["tcp/80"]},
        {"inside": {"bottle": {}}},
        {"inside": {"vm": {"listening": 80}}},
    ],
)
def test_a_boot_test_in_another_form_is_refused(news: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="boot test can't be read"):
        record_in(changed(**news), IMAGE)


@pytest.mark.parametrize("statement", [provenance(BAKED), boot_test(TESTED)], ids=["provenance", "boot test"])
def test_a_statement_is_read_back_as_it_was(statement: Statement) -> None:
    assert Statement.from_json(statement.to_json()) == statement
    assert statement.to_json() == Statement.from_json(statement.to_json()).to_json()
    assert statement.speaks_of(IMAGE)
    assert not statement.speaks_of("sha256:" + "00" * 32)
    assert not statement.speaks_of("sha512:" + "ab" * 32)
    assert not statement.speaks_of("")


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "ab" * 32},
        {"digest": "sha256:AB"},
        {"files": {"root.img": "short"}},
        {"commit": "main"},
        {"base_digest": ""},
        {"builder": "me"},
        {"started_at": -1},
        {"finished_at": float("nan")},
        {"finished_at": 1e18},
        {"unknown": 1},
    ],
)
def test_facts_that_cant_be_are_not_taken(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProvenanceFacts.model_validate({**BAKED.model_dump(), **change})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        provenance(BAKED).to_json().replace(b"Statement/v1", b"Statement/v0.1"),
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x"}],"predicateType":"x","predicate":{}}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":1}}],"predicateType":"x","predicate":{}}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{}}],"predicateType":"x","predicate":[]}',
        b'{"subject":[{"digest":{}}],"predicateType":"x","predicate":{}}',
    ],
)
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="payload is"):
        Statement.from_json(data)
